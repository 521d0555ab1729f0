# shellcheck shell=bash
# The cluster's processes. Each service is a folder $STATE/services/NAME:
#   command   a script that becomes the service; it is what makes a second start the same as the first
#   ready     a script that succeeds when the service can be used
#   process   the service's pid and when it started, so that a pid that the system gave away again is not mistaken for it
#   log       all that it wrote
SERVICES=$STATE/services

define() { # define NAME READY COMMAND...: READY is a line of shell
    local name=$1 ready=$2 home=$SERVICES/$1
    shift 2
    mkdir -p "$home"
    # Nothing here is reached through a proxy, whatever the host is set up for.
    local head
    printf -v head '#!/usr/bin/env bash\nexport PATH=%q NO_PROXY="*" no_proxy="*"\ncd %q\n' "$PATH" "$STATE"
    echo "${head}exec ${*@Q}" >"$home/command"
    echo "$head$ready" >"$home/ready"
    chmod +x "$home/command" "$home/ready"
}

defined() { [ -x "$SERVICES/$1/command" ]; }

services() { ls "$SERVICES" 2>/dev/null || true; }

started_at() { # started_at PID: in clock ticks since the machine began; nothing if there is no such process
    local line
    { line=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
    awk '{print $20}' <<<"${line##*) }" # the 22nd field; the second is in parentheses and may hold spaces
}

# Prints the pid of a service that is running, and fails if it is not.
process() { # process NAME
    local pid started
    read -r pid started 2>/dev/null <"$SERVICES/$1/process" || return 1
    [ -n "$started" ] && [ "$(started_at "$pid")" = "$started" ] || return 1
    [ "$(condition "$pid")" != Z ] || return 1
    echo "$pid"
}

condition() { # condition PID: the letter that the system has for it, such as S (sleeping), T (stopped), Z (ended)
    local line
    { line=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
    line=${line##*) }
    echo "${line%% *}"
}

launch() { # launch NAME: starts it and does not wait
    local home=$SERVICES/$1
    ! process "$1" >/dev/null || return 0
    setsid "$home/command" </dev/null >>"$home/log" 2>&1 9>&- &
    echo "$! $(started_at $!)" >"$home/process"
}

await() { # await NAME [SECONDS]: until it is ready
    local name=$1 home=$SERVICES/$1 deadline=$((SECONDS + ${2:-60}))
    until timeout 5 "$home/ready" >/dev/null 2>&1; do
        process "$name" >/dev/null || explain "$name ended at once"
        [ "$SECONDS" -lt "$deadline" ] || explain "$name was not ready after ${2:-60} s"
        sleep 0.1
    done
}

explain() { # explain WHAT: fails with the end of the log of the service that is WHAT's first word
    local log=$SERVICES/${1%% *}/log
    tail -n 8 "$log" >&2
    fail "$1" "everything it wrote: $log"
}

signal() { # signal NAME SIGNAL: to that process alone
    local pid
    pid=$(process "$1") && kill -s "$2" "$pid"
}

# Asks a service to end, and ends it when it has not after 3 s: the API server would wait for a minute for its clients.
stop() { # stop NAME
    local deadline=$((SECONDS + 3))
    process "$1" >/dev/null || return 0
    signal "$1" TERM && signal "$1" CONT || true # a paused process would not hear of it
    while process "$1" >/dev/null; do
        [ "$SECONDS" -lt "$deadline" ] || signal "$1" KILL || true
        sleep 0.05
    done
    rm -f "$SERVICES/$1/process"
}
