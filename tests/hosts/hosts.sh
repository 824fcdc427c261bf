#!/bin/bash
# hosts.sh - throw-away Debian "hosts" on one machine, for end-to-end tests.
#
# A host is a systemd-nspawn container that boots its own systemd over an overlay
# of one shared base image.  It has its own network namespace, its own address
# ($NET.K) on a bridge, sshd, and PostgreSQL and etcd installed but not running.
# HOSTS_SUITE: bookworm (Debian 12, PostgreSQL 15; the default) or trixie (13, 17).
# The machine itself is $NET.254 on that bridge; nothing leaves the machine.
# Works whatever PID 1 is; needs root.
#
# packages-hosts.txt lists the Debian packages that it needs.
#
#   build                 make the base image (kept; a change of PKGS makes a new one)
#   up N                  boot N fresh hosts, 1..N, and wait until all are reachable
#   inventory | status    print the hosts, for Ansible or for people
#   ssh K [CMD...]        run a command on host K by ssh
#   exec K CMD...         run a command on host K without its network
#   reboot K              reboot the host by systemctl reboot, and wait until it is back
#   stop K | start K      shut the host down by systemctl poweroff; start it with the same disk
#   cut K                 cut its power: all its processes and its NIC are gone at once
#   reset K               cut its power, and start it at once
#   freeze K | thaw K     stop all its processes and its network, like a paused virtual machine; continue
#   unplug K | plug K     set the link of its NIC down, and up again
#   partition K L         drop all frames between hosts K and L
#   oneway K L            drop the frames from K to L only
#   isolate K             drop all frames to and from K (its link stays up)
#   loss K PCT            lose PCT % of the frames to and from K
#   cuts [K:L...]         drop the frames from K to L for these pairs, and for no others
#   losses [K:PCT...]     lose so many frames to and from these hosts, and none of others
#   delay K MS            hold the packets between K and other hosts for MS ms each way
#   rate K RATE           limit what K receives, e.g. 1mbit
#   heal                  undo freeze and all commands between it and this line, on all hosts
#   down                  end all hosts, and remove their disks, the bridge and the packet filter's rules
#   destroy               the same, and remove the base image, too
#
# Hosts end by themselves after HOSTS_TTL seconds.  Two sets of hosts at once need
# different HOSTS_NAME (6 letters at most) and HOSTS_NET.  HOSTS_WATCHDOG=1 at 'up'
# gives each host a /dev/watchdog (hosts-watchdog.py) that resets it.  HOSTS_DATA=3G at
# 'up' gives /var/lib/postgresql a file system of its own, of that size, which can be full.
set -euo pipefail

NAME=${HOSTS_NAME:-ha}
NET=${HOSTS_NET:-10.213.0}
TTL=${HOSTS_TTL:-3600}
STATE=${HOSTS_STATE:-/var/cache/tamada-hosts}
SUITE=${HOSTS_SUITE:-bookworm}
case $SUITE in
    bookworm) POSTGRESQL=postgresql-15 LOG=libspdlog1.10,libfmt9 ;;
    trixie) POSTGRESQL=postgresql-17 LOG=libspdlog1.15,libfmt10 ;;
    *) echo "hosts.sh: HOSTS_SUITE is bookworm or trixie" >&2; exit 1 ;;
esac
PKGS=${HOSTS_PKGS:-systemd,systemd-sysv,dbus,openssh-server,python3,python3-apt,sudo,iproute2,iputils-ping,procps,nftables,ca-certificates,curl,jq,$POSTGRESQL,etcd-server,etcd-client,haproxy,keepalived,python3-psycopg2,$LOG,libyaml-0-2,faketime}
DEBS="patroni python3-etcd"     # downloaded into the image's /root/debs, not installed
SELF=$(readlink -f "$0")
RUN=$STATE/run-$NAME
BR=$NAME-br
TABLE="bridge hosts_$NAME"
KEY=$STATE/id_ed25519
SSH=(ssh -i "$KEY" -o BatchMode=yes -o ConnectTimeout=5 -o StrictHostKeyChecking=no
     -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR)

die() { echo "hosts.sh: $*" >&2; exit 1; }
base() { echo "$STATE/base-$(echo "$SUITE $PKGS $DEBS $(declare -f customize)" | sha1sum | head -c 10)"; }
port() { echo "vb-$NAME$1"; }                   # the interface on the bridge that leads to host K's NIC
hosts() { find "$RUN" -mindepth 1 -maxdepth 1 -name '[0-9]*' -printf '%f\n' 2> /dev/null | sort -n; }
known() { [[ ${1:-} =~ ^[0-9]+$ && -d $RUN/$1 ]] || die "no host '${1:-}'"; }

cgroups() {             # the host's own cgroups, one in each hierarchy that systemd uses; that of cgroup2 is the last
    local top=/sys/fs/cgroup
    [ ! -d $top/systemd ] || echo "$top/systemd/$NAME$1"
    if [ -d $top/unified ]; then echo "$top/unified/$NAME$1"; else echo "$top/$NAME$1"; fi
}
cgroup2() { cgroups "$1" | tail -1; }
on() { grep -qs 'populated 1' "$(cgroup2 "$1")/cgroup.events"; }
boxed() { grep -qs 'populated 1' "$(cgroup2 "$1")"/{supervisor,payload}/cgroup.events; }
freezer() { echo "$2" > "$(cgroup2 "$1")/cgroup.freeze"; }
children() { cat "/proc/$1/task/$1/children" 2> /dev/null || true; }

leader() {              # the process id, on this machine, of the host's PID 1: a child of nspawn, which is a child of unshare
    local p
    on "$1" || die "host $1 is off"
    read -r p _ <<< "$(children "$(<"$RUN/$1/box")") 0"
    for p in $(children "$p"); do
        awk '/^NSpid:/ {is = NF == 4 && $4 == 1} END {exit !is}' "/proc/$p/status" && echo "$p" && return
    done
    die "host $1 is between boots"
}

wait_while() {          # waits as long as the command "${@:2}" succeeds; $1 is the host for the error
    local end=$((SECONDS + 120))
    while "${@:2}"; do
        [ $SECONDS -lt $end ] || die "host $1: still '${*:2}' after 120 s"
        sleep 0.05
    done
}

wait_up() {             # waits until the hosts answer ssh and their systemd has started all units
    local k end=$((SECONDS + 120))
    for k in "$@"; do
        until "${SSH[@]}" "root@$NET.$k" 'systemctl is-system-running --wait | grep -Exq "running|degraded"' 2> /dev/null; do
            [ $SECONDS -lt $end ] || die "host $k is not up after 120 s: see $RUN/$k/console"
            sleep 0.1
        done
    done
}

customize() {           # $1: root of the new image
    local unit
    mkdir -p "$1"/var/log/journal "$1"/etc/systemd/journald.conf.d
    printf '[Journal]\nSystemMaxUse=32M\nRateLimitIntervalSec=0\n' > "$1"/etc/systemd/journald.conf.d/hosts.conf
    : > "$1"/etc/resolv.conf
    chroot "$1" systemctl -q enable systemd-networkd systemd-networkd-wait-online ssh
    chroot "$1" systemctl -q disable etcd postgresql nftables haproxy keepalived
    for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer \
                e2scrub_all.timer e2scrub_reap.service console-getty.service getty@.service; do
        chroot "$1" systemctl -q mask "$unit"
    done
}

mirrors() {             # the sources from which this machine gets its Debian packages; if there are none, mmdebstrap uses Debian's
    local here; here=$(. /etc/os-release; echo "$VERSION_CODENAME")
    apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' 'Origin: Debian' |
        grep -E " $here(-updates|-security)? " | sed "s/ $here/ $SUITE/" | sort -u
}

disk() {                # makes the fresh disk of host $1 of $2: only the files that differ from the base image
    local d=$RUN/$1 up=$RUN/$1/upper i
    mkdir -p "$d"/{work,root,dev} "$up"/etc/systemd/network "$up"/root/.ssh
    chmod 700 "$up"/root "$up"/root/.ssh
    cp "$KEY.pub" "$up"/root/.ssh/authorized_keys
    echo "$NAME$1" > "$up"/etc/hostname
    echo "$NAME$1" | md5sum | head -c 32 > "$up"/etc/machine-id
    echo "127.0.0.1 localhost" > "$up"/etc/hosts
    for ((i = 1; i <= $2; i++)); do echo "$NET.$i $NAME$i"; done >> "$up"/etc/hosts
    if [ -n "${HOSTS_DATA:-}" ]; then
        mkdir -p "$d"/data
        truncate -s "$HOSTS_DATA" "$d"/data.img
        mkfs.ext4 -q -m 0 -E "root_owner=$(stat -c %u:%g "$(base)"/var/lib/postgresql)" "$d"/data.img
    fi
    printf '%s\n' '[Match]' Name=host0 '[Network]' "Address=$NET.$1/24" \
        LinkLocalAddressing=no IPv6AcceptRA=no > "$up"/etc/systemd/network/10-host0.network
}

# The host's power supply: a process in a mount namespace of its own.  If it is killed,
# the whole host ends, because nspawn is PID 1 of a PID namespace that ends with it.
supply() {
    local k=$1 d=$RUN/$1 rc=133 c wd bind
    echo $$ > "$d/pid"
    cgroups "$k" | xargs mkdir -p
    freezer "$k" 0
    for c in $(cgroups "$k"); do echo $$ > "$c/cgroup.procs"; done
    while [ $rc = 133 ]; do                     # nspawn ends with 133 if the host asks for a reboot
        rc=0 wd='' bind=''
        rm -f "$d/reset"
        # The interface disappears with the network namespace of the last boot, but sockets can keep that namespace for minutes.
        ip link del "$(port "$k")" 2> /dev/null || true
        if [ -e "$RUN/watchdog" ]; then
            setpriv --pdeathsig KILL "${SELF%.sh}-watchdog.py" "$d/dev" "$SELF" _reset "$k" &
            wd=$! bind="--bind=$d/dev/watchdog:/dev/watchdog"
            wait_while "$k" test ! -e "$d/dev/watchdog"
        fi
        [ ! -e "$d/data.img" ] || bind+=" --bind=$d/data:/var/lib/postgresql"
        setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc bash -ec '
            mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
            [ ! -e "$2/data.img" ] || mount -o loop "$2/data.img" "$2/data"
            export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1           # as on a real Debian
            exec systemd-nspawn --machine="$3" --directory="$2/root" --boot --network-bridge="$4" \
                --register=no --keep-unit --settings=no --link-journal=no --resolv-conf=off \
                --timezone=off --capability=CAP_IPC_LOCK --console=pipe --quiet $5' - "$(base)" "$d" "$NAME$k" "$BR" "$bind" &
        echo $! > "$d/box"
        wait $! || rc=$?
        wait_while "$k" boxed "$k"
        [ -z "$wd" ] || { kill "$wd" || true; wait "$wd" || true; umount -l "$d/dev" 2> /dev/null || true; }
        [ ! -e "$d/reset" ] || rc=133
    done < /dev/null >> "$d/console" 2>&1
}

power_on() {
    on "$1" && die "host $1 is on"
    setsid timeout -s KILL "$TTL" unshare --mount "$SELF" _supply "$1" < /dev/null > /dev/null 2>&1 &
}

# A host without power sends no FIN, so its NIC is removed before its processes are killed.
pull() { ip link del "$(port "$1")" 2> /dev/null || true; }
reset() { pull "$1"; touch "$RUN/$1/reset"; kill -KILL "$(<"$RUN/$1/box")"; }

shut() {                # $2: reboot or poweroff.  systemctl may fail because the host is already going down.
    local init; init=$(leader "$1")
    cmd_exec "$1" systemctl --no-block "$2" 2> /dev/null || true
    wait_while "$1" test -d "/proc/$init"
}

cmd_build() {
    local b new mirrors; b=$(base) new=$b.new
    mkdir -p "$STATE"
    exec 9> "$STATE/lock"; flock 9
    [ -e "$KEY" ] || ssh-keygen -q -t ed25519 -N '' -f "$KEY"
    if [ ! -d "$b" ]; then
        rm -rf "$new"
        apt-config dump Acquire > "$STATE/apt.conf"
        mapfile -t mirrors < <(mirrors)
        # mmdebstrap runs in its own namespaces, so that its mounts and processes end with it, even if it is killed.
        unshare --mount --pid --fork --kill-child --mount-proc mmdebstrap --variant=minbase --mode=root --include="$PKGS" \
            --aptopt="$STATE/apt.conf" --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
            --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
            --dpkgopt='path-exclude=/usr/share/locale/*' \
            --setup-hook='mkdir -p "$1/etc/postgresql-common"' \
            --setup-hook='echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"' \
            --customize-hook='mkdir -p "$1/root/debs/partial"' \
            --customize-hook='APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -yqq --no-install-recommends --download-only -o Dir::Cache::Archives="$1/root/debs" install '"$DEBS" \
            "$SUITE" "$new" "${mirrors[@]}" || { rm -rf "$new"; die "no base image"; }
        customize "$new"
        mv "$new" "$b"
    fi
    exec 9>&-
}

cmd_up() {
    local n=${1:-} k
    [[ $n =~ ^[0-9]+$ ]] && [ "$n" -ge 1 ] && [ "$n" -le 20 ] || die "up takes a number from 1 to 20"
    cmd_build
    cmd_down
    ip link add "$BR" type bridge
    ip addr add "$NET.254/24" dev "$BR"
    ip link set "$BR" up
    nft -f - << EOF
table $TABLE {
    set cut { typeof iifname . oifname; }
    set off { typeof iifname; }
    chain forward { type filter hook forward priority 0; iifname . oifname @cut drop; iifname @off drop; oifname @off drop; jump loss; }
    chain input { type filter hook input priority 0; iifname @off drop; jump loss; }
    chain output { type filter hook output priority 0; oifname @off drop; jump loss; }
    chain loss { }
}
EOF
    mkdir -p "$RUN"
    [ -z "${HOSTS_WATCHDOG:-}" ] || touch "$RUN/watchdog"
    for ((k = 1; k <= n; k++)); do disk $k "$n"; power_on $k; done
    wait_up $(seq "$n")
}

cmd_inventory() {
    local k
    echo "[hosts]"
    for k in $(hosts); do echo "$NAME$k ansible_host=$NET.$k"; done
    printf '%s\n' '[hosts:vars]' ansible_user=root "ansible_ssh_private_key_file=$KEY" \
        ansible_python_interpreter=/usr/bin/python3 \
        "ansible_ssh_common_args='-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR'"
}

cmd_status() {
    local k
    for k in $(hosts); do
        if on "$k"; then echo "$NAME$k $NET.$k on, pid $(leader "$k")"; else echo "$NAME$k $NET.$k off"; fi
    done
}

cmd_ssh() { known "$1"; exec "${SSH[@]}" "root@$NET.$1" "${@:2}"; }
cmd_exec() { local p; known "$1"; p=$(leader "$1"); nsenter -t "$p" -m -r -w -u -i -n -p -C -- "${@:2}"; }

cmd_reboot() { known "$1"; shut "$1" reboot; wait_up "$1"; }
cmd_stop() { known "$1"; shut "$1" poweroff; wait_while "$1" on "$1"; }
cmd_start() { known "$1"; power_on "$1"; wait_up "$1"; }
cmd_cut() { known "$1"; on "$1" || return 0; pull "$1"; kill -KILL "$(<"$RUN/$1/pid")"; wait_while "$1" on "$1"; }
cmd_reset() { local init; known "$1"; init=$(leader "$1"); reset "$1"; wait_while "$1" test -d "/proc/$init"; wait_up "$1"; }

cmd_freeze() { cmd_isolate "$1"; freezer "$1" 1; }
cmd_thaw() { known "$1"; freezer "$1" 0; nft delete element $TABLE off "{ \"$(port "$1")\" }"; }
cmd_unplug() { known "$1"; ip link set "$(port "$1")" down; }
cmd_plug() { known "$1"; ip link set "$(port "$1")" up; }
cmd_oneway() { known "$1"; known "$2"; nft add element $TABLE cut "{ \"$(port "$1")\" . \"$(port "$2")\" }"; }
cmd_partition() { cmd_oneway "$1" "$2"; cmd_oneway "$2" "$1"; }
cmd_isolate() { known "$1"; nft add element $TABLE off "{ \"$(port "$1")\" }"; }
cmd_loss() {
    known "$1"
    nft add rule $TABLE loss iifname "$(port "$1")" numgen random mod 100 '<' "$2" drop
    nft add rule $TABLE loss oifname "$(port "$1")" numgen random mod 100 '<' "$2" drop
}
cmd_cuts() {            # in one transaction, so that no frame slips through a change
    local pair elements=''
    for pair in "$@"; do elements+="${elements:+, }\"$(port "${pair%:*}")\" . \"$(port "${pair#*:}")\""; done
    printf 'flush set %s cut\n%s\n' "$TABLE" "${elements:+add element $TABLE cut { $elements \}}" | nft -f -
}
cmd_losses() {
    local pair
    nft "flush chain $TABLE loss"
    for pair in "$@"; do cmd_loss "${pair%:*}" "${pair#*:}"; done
}
cmd_rate() { known "$1"; tc qdisc replace dev "$(port "$1")" root tbf rate "$2" burst 16kb latency 200ms; }

queueing() {            # inserts ($1 is -I) or deletes (-D) the rules that send the packets of host $2 to queue $2
    local side
    for side in in out; do
        iptables "$1" FORWARD -m physdev --physdev-is-bridged "--physdev-$side" "$(port "$2")" \
            -j NFQUEUE --queue-num "$2" --queue-bypass
    done
}
cmd_delay() {           # a process holds the packets, because the kernel may have no netem
    known "$1"
    undelay "$1"
    setsid timeout -s KILL "$TTL" "${SELF%.sh}-delay.py" "$1" "$2" < /dev/null > "$RUN/$1/delay.log" 2>&1 &
    echo $! > "$RUN/$1/delay"
    queueing -I "$1"
}
undelay() {
    [ -e "$RUN/$1/delay" ] || return 0
    queueing -D "$1"
    kill -TERM "$(<"$RUN/$1/delay")" 2> /dev/null || true       # timeout(1) passes the signal on to the process
    rm -f "$RUN/$1/delay"
}

cmd_heal() {
    local k
    nft "flush set $TABLE cut; flush set $TABLE off; flush chain $TABLE loss"
    for k in $(hosts); do
        undelay "$k"
        on "$k" || continue
        freezer "$k" 0
        cmd_plug "$k"
        tc qdisc del dev "$(port "$k")" root 2> /dev/null || true
    done
}

cmd_down() {
    local k c
    for k in $(hosts); do
        undelay "$k"
        cmd_cut "$k"
        for c in $(cgroups "$k"); do
            if [ -d "$c" ]; then find "$c" -depth -type d -exec rmdir {} +; fi
        done
    done
    rm -rf "$RUN"
    nft delete table $TABLE 2> /dev/null || true
    ip link del "$BR" 2> /dev/null || true
}

cmd_destroy() { cmd_down; rm -rf "$STATE"; }

[ "$(id -u)" = 0 ] || die "needs root"
case ${1:-} in
    _supply) supply "$2" ;;
    _reset) reset "$2" ;;
    *) declare -F "cmd_${1:-}" > /dev/null || { sed -n '2,/^set/s/^# \{0,1\}//p' "$SELF"; exit 2; }
       "cmd_$1" "${@:2}" ;;
esac
