#!/bin/sh
# install.sh [--prefix DIR] [--user NAME] [--patroni] [--unit-dir DIR] [--destdir DIR] [--remove]
# Installs Tamada from the folder of this script, or removes what it installed.
#
#   --prefix DIR     where the programs go; without it /usr/local
#   --user NAME      who runs the daemon and PostgreSQL; without it postgres. A user that does not exist is created
#   --patroni        also under Patroni's names: commands patroni and patronictl, service patroni, /etc/patroni
#   --unit-dir DIR   where the units go; without it /etc/systemd/system
#   --destdir DIR    puts all files below DIR instead of /, for a package; the machine itself is not changed
#   --remove         removes the files instead; configuration, data and the user stay
set -eu

prefix=/usr/local user=postgres patroni="" units=/etc/systemd/system dest="" remove=""
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) prefix=$2; shift ;;
    --user) user=$2; shift ;;
    --unit-dir) units=$2; shift ;;
    --destdir) dest=$2; shift ;;
    --patroni) patroni=yes ;;
    --remove) remove=yes ;;
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "install.sh: unknown option $1 (see --help)" >&2; exit 2 ;;
  esac
  shift
done
cd "$(dirname "$0")"

# The files that --patroni adds: the name of a link, and the file beside it that the link leads to.
aliases() {
  cat <<END
bin/patroni tamada
bin/patronictl tamadactl
share/man/man8/patroni.8 tamada.8
share/man/man1/patronictl.1 tamadactl.1
share/bash-completion/completions/patronictl tamadactl
share/fish/vendor_completions.d/patronictl.fish tamadactl.fish
END
}

# Prints the unit named $1, with the paths and the user of this installation.
unit() {
  # Type=notify-reload exists since systemd 253. A package is not made for one version of systemd, so it does without.
  version=$([ -n "$dest" ] || systemctl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
  if [ "${version:-0}" -ge 253 ]; then reload='s/^Type=notify$/Type=notify-reload/; /^ExecReload=/d'; else reload=; fi
  sed -e "s:^ExecStart=/usr/bin/tamada:ExecStart=$prefix/bin/$1:" -e "s:/etc/tamada:/etc/$1:; s:/etc/default/tamada:/etc/default/$1:" \
    -e "s/^User=.*/User=$user/; s/^Group=.*/Group=$group/; s/chown postgres/chown $user/" -e "$reload" tamada.service
}

systemd() { [ -n "$dest" ] || [ ! -d /run/systemd/system ] || systemctl "$@"; }

if [ -n "$remove" ]; then
  for service in patroni tamada; do
    if [ -e "$dest$units/$service.service" ]; then
      systemd disable --now "$service.service"
      rm -f "$dest$units/$service.service"
    fi
  done
  find bin lib libexec share -type f | while read -r file; do rm -f "$dest$prefix/$file"; done
  aliases | while read -r file _; do [ ! -L "$dest$prefix/$file" ] || rm -f "$dest$prefix/$file"; done
  rmdir "$dest$prefix/lib/tamada" "$dest$prefix/libexec/tamada" "$dest$prefix/share/doc/tamada/copyright" "$dest$prefix/share/doc/tamada" 2>/dev/null || true
  systemd daemon-reload
  exit 0
fi

if ! bin/tamada --version >/dev/null; then
  echo "install.sh: the programs do not run here; they need glibc @GLIBC@ or later ($(uname -m))" >&2
  exit 1
fi

group=$user
if [ -z "$dest" ]; then
  if ! getent passwd "$user" >/dev/null; then
    # PostgreSQL's own packages for Red Hat create the user in the same way.
    getent group "$user" >/dev/null || groupadd --system "$user"
    useradd --system --gid "$user" --home-dir /var/lib/pgsql --no-create-home --shell /bin/bash --comment "PostgreSQL Server" "$user"
  fi
  group=$(id -gn "$user")
fi

# A running program keeps its old file, because the new file is renamed to that name and does not overwrite the contents.
find bin lib libexec share -type f | while read -r file; do
  mkdir -p "$dest$prefix/${file%/*}"
  cp "$file" "$dest$prefix/$file.new"
  mv -f "$dest$prefix/$file.new" "$dest$prefix/$file"
done
for file in "$dest$prefix"/lib/tamada/*; do
  [ -e "lib/tamada/${file##*/}" ] || rm -f "$file"   # a library of an earlier version
done
mkdir -p "$dest$units" "$dest/etc/tamada"
unit tamada >"$dest$units/tamada.service"
if [ -n "$patroni" ]; then
  aliases | while read -r file target; do ln -sf "$target" "$dest$prefix/$file"; done
  mkdir -p "$dest/etc/patroni"
  unit patroni | sed "s/^Description=.*/&, under Patroni's name/" >"$dest$units/patroni.service"
fi
# Gives the files the SELinux types that belong to their folders.
[ -n "$dest" ] || ! command -v restorecon >/dev/null || restorecon -R "$prefix/bin" "$prefix/lib/tamada" "$prefix/libexec/tamada" "$units"
systemd daemon-reload
