"""Lists everything that is wrong with an inventory at once: {{ hostvars | cluster_mistakes(hosts) }}."""
import re

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
USER = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
ENDPOINT = re.compile(r"^(https?://)?([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}$")
REQUIRED = ["PG_CLUSTER_NAME", "ETCD_HOSTS", "PG_VERSION", "PG_BIN", "PG_DATA", "SUP_PASSWORD", "REP_USER", "REP_PASSWORD"]
PROFILES = {"fast": (4, 1, 1), "norm": (30, 10, 10), "wide": (120, 10, 30)}   # ttl, loop_wait, retry_timeout, as the daemon has them
PASSWORD_OF = {"ETCD_USERNAME": "ETCD_PASSWORD", "REST_API_USERNAME": "REST_API_PASSWORD", "REWIND_USER": "REWIND_PASSWORD"}


def truth(value):
    return str(value).strip().lower() in ("true", "yes", "1", "on", "y", "t")


def missing(value):
    return value is None or str(value).strip() == ""


def whole_number(variables, name, default, low, high, found):
    value = variables.get(name, default)
    if not re.fullmatch(r"[0-9]+", str(value)) or not low <= int(value) <= high:
        found.append(f"{name} is '{value}': it takes a whole number from {low} to {high}")
        return default
    return int(value)


def of_times(variables, found):
    profile = str(variables.get("RTO_PROFILE", "norm"))
    if profile not in PROFILES:
        found.append(f"RTO_PROFILE is '{profile}': it is one of {', '.join(PROFILES)}")
    usual = PROFILES.get(profile, PROFILES["norm"])
    ttl = whole_number(variables, "ttl", usual[0], 1, 86400, found)
    loop_wait = whole_number(variables, "loop_wait", usual[1], 1, 3600, found)
    retry_timeout = whole_number(variables, "retry_timeout", usual[2], 1, 3600, found)
    if ttl < loop_wait + 2 * retry_timeout:
        found.append(f"ttl ({ttl}) is less than loop_wait + retry_timeout * 2 ({loop_wait + 2 * retry_timeout})")


def of_variables(variables, found):
    found += [f"{name} is missing" for name in REQUIRED if missing(variables.get(name))]
    for user, password in PASSWORD_OF.items():
        if not missing(variables.get(user)) and missing(variables.get(password)):
            found.append(f"{password} is missing, {user} is given")
        if missing(variables.get(user)) and not missing(variables.get(password)):
            found.append(f"{user} is missing, {password} is given")
    if not missing(variables.get("PG_CLUSTER_NAME")) and not NAME.match(str(variables["PG_CLUSTER_NAME"])):
        found.append(f"PG_CLUSTER_NAME '{variables['PG_CLUSTER_NAME']}' is no valid name (letters, digits, _ . -)")
    users = {name: variables[name] for name in ("SUP_USER", "REP_USER", "REWIND_USER") if not missing(variables.get(name))}
    found += [f"{name} '{user}' is no valid user name (letters, digits, _)" for name, user in users.items() if not USER.match(str(user))]
    users.setdefault("SUP_USER", "postgres")
    if len(set(users.values())) < len(users):
        found.append("SUP_USER, REP_USER and REWIND_USER must be different users")
    for name in ("PG_BIN", "PG_DATA", "PG_CONFIG"):
        if not missing(variables.get(name)) and not str(variables[name]).startswith("/"):
            found.append(f"{name} '{variables[name]}' is no absolute path")
    for endpoint in str(variables.get("ETCD_HOSTS") or "").split(","):
        if endpoint.strip() and not ENDPOINT.match(endpoint.strip()):
            found.append(f"ETCD_HOSTS: '{endpoint.strip()}' is not host:port")
    if variables.get("TAMADA_INSTALL", "deb") not in ("deb", "rpm", "tarball"):
        found.append(f"TAMADA_INSTALL is '{variables['TAMADA_INSTALL']}': it is one of deb, rpm, tarball")
    whole_number(variables, "PG_PORT", 5432, 1, 65535, found)
    whole_number(variables, "REST_API_PORT", 8008, 1, 65535, found)
    of_times(variables, found)


def of_names(hostvars, hosts, found):
    by_name, by_id = {}, {}
    for host in hosts:
        name = hostvars[host].get("application_name")
        if missing(name):
            found.append(f"{host}: application_name is missing")
        elif not NAME.match(str(name)):
            found.append(f"{host}: application_name '{name}' is no valid name (letters, digits, _ . -)")
        else:
            by_name.setdefault(str(name), []).append(host)
        if not missing(hostvars[host].get("node_id")):
            by_id.setdefault(str(hostvars[host]["node_id"]), []).append(host)
    found += [f"application_name '{name}' is given to {' and '.join(h)}" for name, h in by_name.items() if len(h) > 1]
    found += [f"node_id {number} is given to {' and '.join(h)}" for number, h in by_id.items() if len(h) > 1]
    for host in hosts:
        source = hostvars[host].get("clone_from")
        if missing(source):
            continue
        if str(source) not in by_name:
            found.append(f"{host}: clone_from '{source}' is no application_name of this cluster")
        elif by_name[str(source)] == [host]:
            found.append(f"{host}: clone_from names the host itself")
    leaders = [host for host in hosts if truth(hostvars[host].get("is_leader", False))]
    if len(leaders) > 1:
        found.append(f"is_leader is set on {' and '.join(leaders)}: one host is the first")


def of_host(variables, host, found):
    """Finds mistakes that only the host itself can show. tasks/look.yml has registered the facts."""
    if missing(variables.get("PG_BIN")) or "host_binaries" not in variables:
        return
    directory = str(variables["PG_BIN"]).rstrip("/")
    version = str(variables.get("PG_VERSION"))
    packaged = directory == f"/usr/lib/postgresql/{version}/bin" and variables.get("host_has_package")
    if not variables["host_binaries"] and not packaged:
        found.append(f"{host}: there is no {directory}/postgres, and no package postgresql-{version} to install")
    told = variables.get("host_postgres_version")
    if told and not re.search(rf"\b{re.escape(version)}([.\s]|$)", told):
        found.append(f"{host}: PG_VERSION is {version}, and {directory}/postgres is '{told}'")


def cluster_mistakes(hostvars, hosts):
    found = []
    if not hosts:
        return ["the section has no hosts"]
    of_variables(hostvars[hosts[0]], found)
    of_names(hostvars, hosts, found)
    for host in hosts:
        of_host(hostvars[host], host, found)
    return found


def etcd_mistakes(hostvars, hosts):
    found = []
    variables = hostvars[hosts[0]]
    secured = not missing(variables.get("ETCD_ROOT_PASSWORD"))
    if missing(variables.get("ETCD_USERNAME")) != missing(variables.get("ETCD_PASSWORD")):
        found.append("ETCD_USERNAME and ETCD_PASSWORD go together")
    if not missing(variables.get("ETCD_USERNAME")) and not secured:
        found.append("ETCD_ROOT_PASSWORD is missing: etcd asks for passwords only when its user root has one")
    if variables.get("ETCD_USERNAME") == "root":
        found.append("ETCD_USERNAME must not be root")
    return found


class FilterModule:
    def filters(self):
        return {"cluster_mistakes": cluster_mistakes, "etcd_mistakes": etcd_mistakes, "truth": truth}
