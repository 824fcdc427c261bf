#!/bin/sh
# Creates etcd's user root and the client's user with all rights below /service, and makes etcd require passwords. ROOT_PASSWORD, CLIENT,
# CLIENT_PASSWORD and ETCDCTL_* come from the environment, so that no process list shows them.
set -eu
changed() { echo changed; }

if asks=$(etcdctl user list 2>/dev/null); then
  asks=no
else
  asks=yes
  export ETCDCTL_USER="root:$ROOT_PASSWORD"
fi
has() { etcdctl "$1" list | grep -qxF "$2"; }
add_user() { printf '%s\n' "$2" | etcdctl user add "$1" --interactive=false >/dev/null; etcdctl user grant-role "$1" "$3" >/dev/null; changed; }

has user root || add_user root "$ROOT_PASSWORD" root
if [ -n "$CLIENT" ]; then
  if ! has role tamada; then
    etcdctl role add tamada >/dev/null
    etcdctl role grant-permission tamada --prefix=true readwrite /service/ >/dev/null
    changed
  fi
  has user "$CLIENT" || add_user "$CLIENT" "$CLIENT_PASSWORD" tamada
fi
if [ $asks = no ]; then
  etcdctl auth enable >/dev/null
  changed
fi
