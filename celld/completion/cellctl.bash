# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Completion of cellctl(1) for bash: verbs, options, and the cells that a verb can do something with.

# Cells whose state matches a pattern; of the other machine if the line has -H.
__cellctl_cells() {
    local name state
    while read -r name state _; do
        # shellcheck disable=SC2053
        [[ $state == $1 ]] && printf '%s\n' "$name"
    done < <(SYSTEMD_COLORS=0 command cellctl "${host[@]}" --no-ask-password --no-legend --no-pager list 2>/dev/null)
}

# Properties of the cells on the line; where there is none yet, of any, and those of celld.
__cellctl_properties() {
    local some
    read -r some < <(__cellctl_cells '*')
    {
        SYSTEMD_COLORS=0 command cellctl "${host[@]}" --no-pager show "${arguments[@]}"
        ((${#arguments[@]})) || SYSTEMD_COLORS=0 command cellctl "${host[@]}" --no-pager show "$some"
    } 2>/dev/null | cut -d= -f1 | sort -u
}

__cellctl_files() {
    compopt -o filenames 2>/dev/null
    compgen -f -- "$cur"
}

_cellctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    local verb='' word='' skip='' host=() arguments=() i choices=''

    local -A options=(
        [plain]='-h --help --version -q --quiet -f --follow --value --now --force --runtime --no-unit --system
                 --no-pager --no-legend --no-ask-password --no-block'
        [valued]='-H --host --json -p --property -P -n --lines --interval --cpu --config-dir -o --output'
    )
    local -A verbs=(
        [none]='list metrics reload'
        [any]='status show enable disable console logs stats monitor cat restart undefine'
        [stopped]='start'
        [defined]='create'
        [holding]='stop destroy'
        [failed]='reset-failed'
        [config]='check export'
        [define]='define'
        [file]='import'
        [hypervisor]='hypervisor'
    )

    # bash makes words of their own of "=", and of "@" and ":" in the name of a host
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi

    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word == = ]]; then
            continue
        elif [[ $word == [@:] && ${host[1]} ]]; then
            host[1]+=$word${COMP_WORDS[++i]}
        elif [[ $skip ]]; then
            [[ $skip == -H || $skip == --host ]] && host=(-H "$word")
            skip=
        elif [[ " ${options[valued]} " == *" $word "* ]]; then
            skip=$word
        elif [[ $word == -H?* ]]; then
            host=("$word")
        elif [[ $word == -* ]]; then
            continue
        elif [[ -z $verb ]]; then
            verb=$word
        else
            arguments+=("$word")
        fi
    done

    case $prev in
        -H|--host)
            choices=$(compgen -A hostname -- "$cur") ;;
        --json)
            choices='short pretty off' ;;
        -p|--property|-P)
            # after a comma: what is there already stays
            word=${cur%"${cur##*,}"}
            choices=$(__cellctl_properties)
            mapfile -t COMPREPLY < <(compgen -P "$word" -W "$choices" -- "${cur##*,}")
            return ;;
        --config-dir)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -d -- "$cur")
            return ;;
        -o|--output)
            mapfile -t COMPREPLY < <(__cellctl_files)
            return ;;
        -n|--lines|--interval|--cpu)
            return ;;
    esac

    if [[ -z $choices && $cur == -* ]]; then
        choices="${options[*]}"
    elif [[ -z $choices && -z $verb ]]; then
        choices="${verbs[*]}"
    elif [[ -z $choices ]]; then
        for word in "${!verbs[@]}"; do
            [[ " ${verbs[$word]} " == *" $verb "* ]] && break
            word=none
        done
        case $word in
            any) choices=$(__cellctl_cells '*') ;;
            stopped) choices=$(__cellctl_cells '@(defined|created|failed)') ;;
            defined) choices=$(__cellctl_cells '@(defined|failed)') ;;
            holding) choices=$(__cellctl_cells '!(defined)') ;;
            failed) choices=$(__cellctl_cells 'failed') ;;
            hypervisor) choices='status enable disable log' ;;
            config) choices=$(__cellctl_cells '*'; __cellctl_files) ;;
            define) ((${#arguments[@]})) && choices=$(__cellctl_files) || choices=$(__cellctl_cells '*') ;;
            file) choices=$(__cellctl_files) ;;
        esac
        case $word in
            config|define|file)
                compopt -o filenames 2>/dev/null
                mapfile -t COMPREPLY < <(IFS=$'\n'; compgen -W "${choices//\\/\\\\}" -- "$cur")
                return ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$cur")
}

complete -F _cellctl cellctl
