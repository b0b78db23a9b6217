#!/bin/sh
# Puts what Debian packages install into DIRECTORY, which becomes an image: libraries and data, no programs, no documentation but the licences.
# With --dependencies the packages they need come along, but for those that DIRECTORY or --without has already.
# usage: root.sh [--dependencies --without DIRECTORY] DIRECTORY PACKAGE...
set -eu

dependencies=
without=
if [ "$1" = --dependencies ]; then dependencies=yes without=$3; shift 3; fi
root=$1; shift

if ! dpkg-query --status "$@" >/dev/null 2>&1; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
fi

packages=$*
if [ -n "$dependencies" ]; then
  packages=$(apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$@" |
    grep '^[a-z0-9]' | sed 's/:.*//' | sort -u)
fi
rm -rf /var/lib/apt/lists/*

# Debian's merged /usr: a package's /lib/x is /usr/lib/x.
mkdir -p "$root/usr/lib" "$root/usr/lib64" "$root/var/lib/dpkg/status.d"
for directory in lib lib64; do ln -sfn "usr/$directory" "$root/$directory"; done

for package in $packages; do
  if [ -n "$without" ] && [ -e "$without/var/lib/dpkg/status.d/$package" ]; then continue; fi
  # Scanners read this directory where there is no package manager.
  dpkg-query --status "$package" > "$root/var/lib/dpkg/status.d/$package"
  dpkg-query --listfiles "$package" | while read -r file; do
    case $file in
      /bin/* | /sbin/* | /usr/bin/* | /usr/sbin/* | */gconv/*) continue ;;
      /usr/share/doc/* | /usr/share/man/* | /usr/share/locale/* | /usr/share/lintian/* | /usr/share/bug/*) continue ;;
      /usr/share/ca-certificates/* | /usr/share/gdb/* | /usr/share/gcc/*) continue ;;
    esac
    if [ -L "$file" ] || [ -f "$file" ]; then echo "${file#/}"; fi
  done | tar -C / --files-from=- -cf - | tar -C "$root" --keep-directory-symlink -xf -
  mkdir -p "$root/usr/share/doc/$package"
  cp -L "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/"
done
# The bundle that ca-certificates made when it was installed.
if [ -e "$root/var/lib/dpkg/status.d/ca-certificates" ]; then
  mkdir -p "$root/etc/ssl/certs"
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
fi
