#!/usr/bin/env bash
# Installs the programs that the tests start, where they are missing. Starts no service.
set -euo pipefail

PATH=$PATH:/usr/sbin:/sbin

has() { command -v "$1" >/dev/null; }

packages=()
has chromium || has chromium-browser || has google-chrome || packages+=(chromium)
{ has postfix && has smtp-sink; } || packages+=(postfix)
has saslpasswd2 || packages+=(sasl2-bin)
{ compgen -G '/usr/lib/*/sasl2/libcrammd5.so*' || compgen -G '/usr/lib*/sasl2/libcrammd5.so*'; } \
  >/dev/null || packages+=(libsasl2-modules)
has redis-server || packages+=(redis-server)
has openssl || packages+=(openssl)
# A disk that fails is a library that the tests build.
has cc || packages+=(gcc libc6-dev)
# The system's own Python, whatever other stands on the PATH: Debian's modules are its.
/usr/bin/python3 -c 'import dkim, nacl' 2>/dev/null || packages+=(python3-dkim python3-nacl)

if [ ${#packages[@]} -eq 0 ]; then
  echo 'setup: everything that the tests need is installed'
  exit 0
fi

if ! has apt-get; then
  echo "setup: the tests need ${packages[*]} (names of Debian's packages), and this machine has no apt-get." >&2
  echo 'setup: install them by hand, so that their programs are on the PATH, and run this again.' >&2
  exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  has sudo || { echo "setup: run as root, or install sudo: apt-get install ${packages[*]}" >&2; exit 1; }
  as_root=(sudo)
fi

# Debian starts a service when its package is installed, unless this file forbids it (exit 101).
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
  "${as_root[@]}" chmod +x $policy
  trap '"${as_root[@]}" rm -f $policy' EXIT
fi

echo "setup: installing ${packages[*]}"
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o Dpkg::Use-Pty=0 "$@"; }
apt update
# The tests bring their own Postfix configuration; the machine's is left empty.
echo 'postfix postfix/main_mailer_type select No configuration' |
  "${as_root[@]}" debconf-set-selections
# --no-remove: another mail server on this machine is not to be replaced unasked.
apt install --no-install-recommends --no-remove "${packages[@]}"
