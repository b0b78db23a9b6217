#!/bin/sh
# Installs node-llama-cpp with its builds of llama.cpp for VARIANT into DIRECTORY/node_modules, less what only serves to build from source.
# package.json and package-lock.json here are of node-llama-cpp alone.
# usage: engine.sh cpu|vulkan|cuda 13|12 DIRECTORY
set -eu
variant=$1
cuda=$2
directory=$3

npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --cache /tmp/npm
version=$(node -p 'require("./node_modules/node-llama-cpp/package.json").version')
builds=node_modules/@node-llama-cpp
platform=linux-$(node -p process.arch)

# Every image can fall back to the CPU where the deployment lets it. Other platforms and the empty stand-ins of the checkout go.
for build in "$builds"/*; do
  [ "$build" = "$builds/$platform" ] || rm -rf "$build"
done

case $variant in
  cpu) wanted= ;;
  vulkan) wanted=vulkan ;;
  # node-llama-cpp takes the CUDA 12 backend from a package of its own, which only goes with the one for CUDA 13.
  cuda) if [ "$cuda" = 12 ]; then wanted='cuda cuda-ext'; else wanted=cuda; fi ;;
  *) echo "No variant $variant of the worker image: choose cpu, vulkan or cuda." >&2; exit 1 ;;
esac
if [ -n "$wanted" ] && [ "$platform" != linux-x64 ]; then
  echo "There is no $variant build of llama.cpp for $platform: choose the variant cpu." >&2
  exit 1
fi
for build in $wanted; do
  npm install --prefix "/tmp/$build" --ignore-scripts --no-audit --no-fund --loglevel=error --cache /tmp/npm "@node-llama-cpp/$platform-$build@$version"
  mv "/tmp/$build/node_modules/@node-llama-cpp/$platform-$build" "$builds/"
done

cd node_modules
rm -rf node-llama-cpp/templates
for part in gitRelease.bundle addon cmake patches profiles toolchains xpack CMakeLists.txt; do rm -rf "node-llama-cpp/llama/$part"; done
find . -type f \( -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' -o -name '*.map' \) -delete
rm -rf .bin .package-lock.json /tmp/npm
cd ..
mkdir -p "$directory"
mv node_modules "$directory/"
