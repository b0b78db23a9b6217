#!/bin/sh
# Makes what every image needs beside packages in DIRECTORY: who runs in it, how names are resolved, a temporary directory.
# usage: accounts.sh DIRECTORY
set -eu
root=$1

mkdir -p "$root/etc" "$root/tmp"
chmod 1777 "$root/tmp"
cat > "$root/etc/passwd" <<'END'
root:x:0:0:root:/nonexistent:/nonexistent
nonroot:x:65532:65532:nonroot:/nonexistent:/nonexistent
END
cat > "$root/etc/group" <<'END'
root:x:0:
nonroot:x:65532:
END
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
cp /etc/os-release "$root/etc/os-release"
