#!/bin/sh
# Puts the libraries that a variant of llama.cpp needs beside the base system into DIRECTORY, and the METADATA of wheels into INVENTORY/python.
# The driver itself is the node's: its container runtime mounts it into pods that ask for a GPU.
# usage: libraries.sh cpu|vulkan|cuda 13|12 DIRECTORY INVENTORY BASE_ROOT
set -eu
variant=$1
cuda=$2
root=$3
inventory=$4
base=$5
mkdir -p "$root" "$inventory/debian" "$inventory/python"

case $variant in
  vulkan)
    # The loader, and Mesa's drivers for AMD and Intel; a newer Mesa knows newer GPUs.
    . /etc/os-release
    mirror=$(apt-get update --print-uris | sed -n "s|^'\(.*\)/dists/.*|\1|p" | grep -v security | head -n 1)
    echo "deb $mirror $VERSION_CODENAME-backports main" > /etc/apt/sources.list.d/backports.list
    printf 'Package: mesa-* libgbm1 libglapi-mesa libdrm*\nPin: release n=%s-backports\nPin-Priority: 900\n' "$VERSION_CODENAME" > /etc/apt/preferences.d/mesa
    sh images/stages/root.sh --dependencies --without "$base" "$root" libvulkan1 mesa-vulkan-drivers
    cp "$root"/var/lib/dpkg/status.d/* "$inventory/debian/"
    ;;
  cuda)
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends python3-pip unzip >/dev/null
    python3 -m pip download --quiet --no-deps --no-cache-dir --require-hashes --dest /tmp/wheels --requirement "images/worker/cuda-$cuda.txt"
    mkdir -p "$root/usr/lib"
    for wheel in /tmp/wheels/*.whl; do
      unzip -q "$wheel" -d /tmp/wheel
      name=$(basename "$wheel" | cut -d- -f1)
      mkdir -p "$root/usr/share/doc/$name"
      cp /tmp/wheel/*.dist-info/METADATA "$inventory/python/$name"
      find /tmp/wheel -ipath '*.dist-info/*licen*' -type f -exec cp {} "$root/usr/share/doc/$name/" \;
      find /tmp/wheel -name 'lib*.so.*' \( -name 'libcudart.so*' -o -name 'libcublas.so*' -o -name 'libcublasLt.so*' \) -exec mv {} "$root/usr/lib/" \;
      rm -rf /tmp/wheel
    done
    rm -rf /tmp/wheels /var/lib/apt/lists/*
    ;;
esac
