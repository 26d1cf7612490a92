#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Builds modules outside the source tree: Kbuild puts objects beside sources, so it gets links to them elsewhere.
# Usage: build.sh KDIR SOURCE_ROOT FOLDER BUILD_DIR OUTPUT...; FOLDER of SOURCE_ROOT has the sources
set -eu

kdir=$1 root=$2 folder=$2/$3 build=$(realpath -m "$4")
shift 4

rm -rf "$build"
mkdir -p "$build"
for file in "$folder"/*.[chS] "$folder"/Kbuild; do
	ln -s "$file" "$build/"
done

# Type information for BPF is optional; newer kernels' headers ask for it, but may come without the tool.
btf=
command -v pahole >/dev/null || btf=CONFIG_DEBUG_INFO_BTF_MODULES=

# The compiler is the kernel's own affair: flags for user space do not belong here.
log=$build/build.log
if ! env -u CC -u CFLAGS -u LDFLAGS -u MAKEFLAGS make -C "$kdir" M="$build" CELLD_TOP="$root" $btf W=1 \
	KCFLAGS="-Werror -fmacro-prefix-map=$build/=" modules >"$log" 2>&1; then
	cat "$log" >&2
	exit 1
fi
grep -E 'warning:|WARNING:' "$log" >&2 || true
for output; do
	cp "$build/${output##*/}" "$output"
done
