#!/usr/bin/env bash
# Links the engine in every way docs/linking.md names, on a clean machine, and prints what each costs beside its budget.
# Needs the .NET SDK; installs gcc, valgrind, python3 with NumPy and qemu from Debian where they are missing and it may.
#
#   tests/linking.sh            everything
#   tests/linking.sh PART…      of: packages reproducible aot library numpy tokenizer torch (.ci/run runs the first)
#
# Ends with a table and the line "N passed, N failed"; the exit status is 0 only when nothing failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1
readonly root=$PWD rid=linux-x64
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(packages reproducible aot library numpy tokenizer torch)

passed=0 failed=0 table=()

wants() { [[ " ${parts[*]} " == *" $1 "* ]]; }

# check TEXT COMMAND…: one law; what the command prints is shown only when it fails.
check() {
  local text=$1
  shift
  if "$@" >"$work/output" 2>&1; then
    passed=$((passed + 1))
    printf 'ok    %s\n' "$text"
  else
    failed=$((failed + 1))
    printf 'FAIL  %s\n' "$text"
    tail -n 40 "$work/output" | sed 's/^/      /'
  fi
}

# row WHAT MEASURED BUDGET UNIT: a line of the table; no budget: "-".
row() {
  table+=("$(printf '%-52s %10s %10s  %s' "$1" "$2" "$3" "$4")")
  [ "$3" = - ] || check "$1: $2 of at most $3 $4" test "$(echo "$2 $3" | awk '{ print ($1 <= $2) }')" = 1
}

megabytes() { cat "$@" | wc -c | awk '{ printf "%.2f", $1 / 1e6 }'; }

# The least of twenty runs of a command, in milliseconds from starting the process to its end.
milliseconds() {
  local best=999999 start took
  for _ in $(seq 20); do
    start=$(date +%s%N)
    "$@" >/dev/null 2>&1 || { echo 999999; return; }
    took=$((($(date +%s%N) - start) / 10000))
    [ "$took" -lt "$best" ] && best=$took
  done
  awk "BEGIN { printf \"%.1f\", $best / 100 }"
}

install() {
  local missing=()
  for package in "$@"; do dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package"); done
  [ ${#missing[@]} -eq 0 ] || (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}") >/dev/null 2>&1 ||
    printf 'could not install %s\n' "${missing[*]}"
}

# publish PROJECT FOLDER: without a single warning, of the trimmer, the native compiler or anything else.
publish() { dotnet publish "$1" -c Release -r "$rid" -o "$2" 2>&1 | tee "$work/log" && ! grep -qE 'warning [A-Z]+[0-9]+' "$work/log"; }

has() { grep -qw "$1" /proc/cpuinfo; }

version=$(dotnet msbuild Engine.Core/Engine.Core.csproj -getProperty:Version)
check 'the libraries and the program build' dotnet build Cli -c Release
assemblies=()
for library in Engine.Core:Edifice.Engine Engine.Cpu:Edifice.Engine.Cpu Engine.Cuda:Edifice.Engine.Cuda Nn:Edifice.Nn Attention:Edifice.Attention; do
  assemblies+=("${library%%:*}/bin/Release/net10.0/${library#*:}.dll")
done
row 'engine assemblies together' "$(megabytes "${assemblies[@]}")" 2 MB

pack() { dotnet pack Edifice.Engine.sln -c Release -o "$1"; }

if wants packages; then
  check 'the packages are made' pack "$work/feed"
  check 'they are the five that there are to be' diff <(cd "$work/feed" && printf '%s\n' *.nupkg | LC_ALL=C sort) \
    <(for id in edifice Edifice.Attention Edifice.Engine Edifice.Engine.Cuda Edifice.Nn; do echo "$id.$version.nupkg"; done | LC_ALL=C sort)
  tensors=$(grep -oP 'System.Numerics.Tensors" Version="\K[^"]+' Directory.Packages.props)
  cp "${NUGET_PACKAGES:-$HOME/.nuget/packages}/system.numerics.tensors/$tensors/"*.nupkg "$work/feed/"
  install unzip
  for package in "$work/feed/"Edifice.*."$version".nupkg; do
    command -v unzip >/dev/null || { printf 'without unzip the packages are not looked into\n'; break; }
    check "$(basename "$package") depends on nothing else" bash -c "! unzip -p '$package' '*.nuspec' | grep '<dependency ' | grep -vE 'id=\"(Edifice\.|System.Numerics.Tensors\")'"
    check "$(basename "$package") has documentation and a front page" bash -c "unzip -l '$package' | grep -q '\.xml' && unzip -l '$package' | grep -q README.md"
  done
  cp -r tests/linking/Consumer "$work/consumer"
  cat >"$work/consumer/nuget.config" <<XML
<configuration><packageSources><clear /><add key="folder" value="$work/feed" /></packageSources></configuration>
XML
  consume() (
    cd "$work/consumer" && dotnet build -c Release -o out "-p:EdificeVersion=$version" "-p:RestorePackagesPath=$work/packages" && dotnet out/Consumer.dll
  )
  check 'a project builds and runs from the folder of packages alone' consume
  check 'the tool installs from it and runs' bash -c "cd '$work/consumer' && dotnet tool install edifice --tool-path '$work/tool' --version $version && '$work/tool/edifice' info"
  row 'package Edifice.Engine' "$(megabytes "$work/feed/Edifice.Engine.$version.nupkg")" - MB
fi

if wants reproducible; then
  install unzip
  contents() { # every file of every package but the archive's own bookkeeping, by its hash
    (cd "$1" && for package in *.nupkg *.snupkg; do
      mkdir -p "x/$package" && (cd "x/$package" && unzip -qq -o "../../$package" && find . -type f ! -path './package/*' ! -path './_rels/*' | sort | xargs sha256sum | sed "s|^|$package |")
    done)
  }
  same_contents() { diff <(contents "$1") <(contents "$2"); }
  check 'the packages are made once' pack "$work/once"
  check 'and made again from another folder' bash -c "cp -r '$root' '$work/copy' && cd '$work/copy' && find . -name bin -o -name obj | grep -v '^./.git' | xargs rm -rf && dotnet pack Edifice.Engine.sln -c Release -o '$work/again'"
  check 'with the same content, bit for bit' same_contents "$work/once" "$work/again"
  rm -rf "$work/copy"
fi

if wants aot; then
  check 'the sample is published without a warning' publish samples/Aot "$work/aot"
  check 'the sample builds for the just-in-time compiler' dotnet build samples/Aot -c Release
  jit=samples/Aot/bin/Release/net10.0/edifice-aot.dll
  equal() { diff <(dotnet "$jit") <("$1"); }
  if has avx512f; then
    check 'AVX-512 is chosen at start' bash -c "'$work/aot/edifice-aot' info | grep -q 'AVX-512'"
    check 'native and just in time give the same bits with AVX-512' equal "$work/aot/edifice-aot"
    check 'and the same with AVX2' env DOTNET_EnableAVX512=0 bash -c "diff <(dotnet '$jit') <('$work/aot/x86-64-v3/edifice-aot')"
  elif has avx2; then
    check 'AVX2 is chosen at start' bash -c "'$work/aot/edifice-aot' info | grep -q 'AVX2'"
    check 'native and just in time give the same bits with AVX2' equal "$work/aot/edifice-aot"
  fi
  install qemu-user
  if command -v qemu-x86_64 >/dev/null; then
    check 'it starts on a processor of 2008' bash -c "qemu-x86_64 -cpu Nehalem '$work/aot/edifice-aot' info | grep -q '128-bit'"
    check 'on one of 2013 it chooses AVX2' bash -c "qemu-x86_64 -cpu Haswell '$work/aot/edifice-aot' info | grep -q 'AVX2'"
  fi
  mkdir "$work/base" && cp "$work/aot/edifice-aot" "$work/base/"
  for image in base/edifice-aot aot/x86-64-v3/edifice-aot aot/x86-64-v4/edifice-aot; do
    case $image in *v4*) has avx512f || continue ;; *v3*) has avx2 || continue ;; esac
    printf '      %s\n' "$("$work/$image" info | grep 'instruction set')"
    "$work/$image" speed | sed 's/^/        /'
  done
  row 'NativeAOT sample, image for every x64 machine' "$(megabytes "$work/aot/edifice-aot")" 8 MB
  row 'NativeAOT sample, image x86-64-v3' "$(megabytes "$work/aot/x86-64-v3/edifice-aot")" 8 MB
  row 'NativeAOT sample, image x86-64-v4' "$(megabytes "$work/aot/x86-64-v4/edifice-aot")" 8 MB
  row 'NativeAOT: process start to first trained step, end' "$(milliseconds "$work/aot/edifice-aot" first-step)" 60 ms
  row 'just in time: the same' "$(milliseconds dotnet "$jit" first-step)" - ms
fi

if wants library; then
  install gcc g++ libc6-dev valgrind python3
  check 'libedifice is published without a warning' publish LibEdifice "$work/lib"
  check 'it exports the functions of its header and nothing of another name' diff \
    <(nm -D --defined-only "$work/lib/libedifice.so" | awk '$2 == "T" { sub("@.*", "", $3); print $3 }' | sort) \
    <(grep -oE '\bedifice_[a-z_]+\(' "$work/lib/edifice.h" | tr -d '(' | sort -u)
  head -c 40000 docs/architecture.md >"$work/text"
  edifice=Cli/bin/Release/net10.0/edifice
  check 'edifice trains a model of text' "$edifice" train --block gla --text "$work/text" --length 64 --steps 40 --batch 8 --out "$work/model"
  for program in generate misuse threads; do
    check "$program.c compiles" gcc -Wall -Wextra -Werror -std=c11 -O2 -I"$work/lib" "tests/linking/$program.c" -o "$work/$program" -L"$work/lib" -ledifice -Wl,-rpath,"$work/lib" -pthread
  done
  check 'the header is C++ too' g++ -Wall -Werror -fsyntax-only -x c++ -include "$work/lib/edifice.h" /dev/null
  for temperature in 0 0.8; do
    "$edifice" generate --model "$work/model" --prompt 'A tensor' --tokens 200 --temperature $temperature --seed 5 >"$work/expected" 2>/dev/null
    check "C streams what edifice generate prints (temperature $temperature)" bash -c "'$work/generate' '$work/model' 'A tensor' 200 $temperature 5 | cmp - '$work/expected'"
    [ $temperature = 0 ] && cp "$work/expected" "$work/greedy"
  done
  sed -n '/<!-- python -->/,/<!-- \/python -->/p' docs/linking.md | grep -vE '^(<!--|```)' >"$work/stream.py"
  check "the Python of docs/linking.md streams the same" bash -c "LD_LIBRARY_PATH='$work/lib' python3 '$work/stream.py' '$work/model' 'A tensor' 200 | cmp - '$work/greedy'"
  mkdir "$work/model/no-weights" "$work/model/broken"
  cp "$work/model/config.json" "$work/model/no-weights/" && cp "$work/model/config.json" "$work/model/broken/"
  head -c 20000 "$work/model/model.safetensors" >"$work/model/broken/model.safetensors"
  check 'every misuse is answered with its status and a text' "$work/misuse" "$work/model"
  check 'eight threads stream from one model at once' "$work/threads" "$work/model"
  check 'valgrind finds nothing in the misuse' valgrind -q --error-exitcode=9 "$work/misuse" "$work/model"
  check 'valgrind finds nothing in a stream' valgrind -q --error-exitcode=9 "$work/generate" "$work/model" 'A tensor' 5 0 5
  row 'libedifice.so, for every x64 machine' "$(megabytes "$work/lib/libedifice.so")" 8 MB
  for level in x86-64-v3 x86-64-v4; do row "libedifice.so, $level" "$(megabytes "$work/lib/glibc-hwcaps/$level/libedifice.so")" 8 MB; done
  row 'C: start, load the model, first token, end' "$(milliseconds "$work/generate" "$work/model" A 1 0 0)" - ms
fi

if wants numpy; then
  install python3-numpy
  python=/usr/bin/python3
  if $python -c 'import numpy' 2>/dev/null; then
    exchange() {
      dotnet build tests/linking/Numpy -c Release && $python tests/linking/Numpy/write.py "$work/numpy.npz" &&
        dotnet tests/linking/Numpy/bin/Release/net10.0/Numpy.dll "$work/numpy.npz" "$work/engine.npz" && $python tests/linking/Numpy/compare.py "$work/numpy.npz" "$work/engine.npz"
    }
    check 'NumPy reads what the engine wrote of what NumPy wrote' exchange
  fi
fi

if wants tokenizer; then
  check 'a model trains and generates by the tokens of a learned vocabulary' dotnet run -c Release --project samples/Bpe -- CONTRIBUTING.md 100
fi

if wants torch; then
  if dotnet publish tests/linking/TorchStart -c Release -r "$rid" --self-contained false -o "$work/torch" >"$work/log" 2>&1 && "$work/torch/TorchStart" >/dev/null 2>&1; then
    row 'TorchSharp-cpu, a published program' "$(du -sb "$work/torch" | awk '{ printf "%.2f", $1 / 1e6 }')" - MB
    preload=$(find "$work/torch" -name libios_init.so)
    row 'TorchSharp: process start to first trained step, end' "$(LD_PRELOAD=${preload:-} milliseconds "$work/torch/TorchStart")" - ms
  else
    printf 'TorchSharp could not be measured here\n'
  fi
fi

printf '\n%-52s %10s %10s\n' '' measured 'at most'
printf '%s\n' "${table[@]}"
printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$passed" -gt 0 ] && [ "$failed" -eq 0 ]
