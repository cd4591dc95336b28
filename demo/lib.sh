# What the scripts of the demo share: how they speak, and a Bursar that ends with them. They source it.

bursar=.venv/bin/bursar
python=.venv/bin/python
test -x "$bursar" || { echo "Type \`make setup\` first: $bursar is missing." >&2; exit 1; }
command -v curl > /dev/null || { echo "The demo makes its calls with curl, which is missing." >&2; exit 1; }

scratch=$(mktemp -d)
up=""
clean_up() {
  if [ -n "$up" ] && kill -0 "$up" 2>/dev/null; then
    kill -TERM "$up"
    wait "$up" || true
  fi
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# How it speaks

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' plain=$'\e[0m'; else bold="" dim="" red="" plain=""; fi
heading() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
note() { printf '  %s\n' "$1"; }
quote() { sed "s/^/  $dim|$plain /"; }
broken() { printf '\n%sNOT AS PROMISED: %s%s\n' "$red" "$1" "$plain" >&2; exit 1; }

# call WHO METHOD PATH [JSON | -F FIELD=VALUE ...]: shows and makes the call, with a body of JSON or a form; leaves the
# status in $status, the body in $answer.
call() {
  local who="$1" method="$2" path="$3" shown=""
  shift 3
  local arguments=(-sS -X "$method" -H "Authorization: JWT $(cat "$scratch/$who.token")" -w '%{http_code}')
  if [ "${1:-}" = -F ]; then
    arguments+=("$@")
    shown=" ${*//$scratch\//}"
  elif [ $# -gt 0 ]; then
    arguments+=(-H "Content-Type: application/json" -d "$1")
    shown=" -d '$(shorten "$1")'"
  fi
  printf '  %s%s$ curl -X %s %s%s%s\n' "$dim" "$who" "$method" "$path" "$shown" "$plain"
  status=$(curl "${arguments[@]}" -o "$scratch/answer" "$url$path")
  answer=$(cat "$scratch/answer")
}
shorten() { if [ ${#1} -gt 150 ]; then printf '%s ...' "${1:0:150}"; else printf '%s' "$1"; fi; }
expect() { [ "$status" = "$1" ] || broken "the answer is $status, not $1: $(shorten "$answer")"; }

# pick EXPRESSION: a Python expression about the JSON in $answer, which it calls `it`; lists become lines.
pick() {
  "$python" -c '
import json, sys
found = eval(f"({sys.argv[1]})", {"it": json.load(sys.stdin)})
print(*(found if isinstance(found, list) else [found]), sep="\n")' "$1" <<< "$answer"
}

# mails ADDRESS WORD: the mails to an address that contain the word, as their reader sees them.
mails() {
  "$python" -c '
import email, email.policy, pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1], "mail").glob("*.eml"), key=lambda path: path.stat().st_mtime_ns):
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    text = mail.get_body(("plain",)).get_content().strip()
    if mail["To"] == sys.argv[2] and sys.argv[3] in mail["Subject"] + text:
        print("Subject: " + mail["Subject"].strip(), "", text, sep="\n")' "$home" "$1" "$2"
}
count_mails() { mails "$1" "$2" | grep -c '^Subject: ' || true; }
has_mail() { [ "$(count_mails "$1" "$2")" -ge 1 ]; }

# soon WHAT COMMAND...: waits until the command succeeds, for 60 seconds at most.
soon() {
  local what="$1" last=$((SECONDS + 60))
  shift
  until "$@"; do
    [ $SECONDS -lt $last ] || broken "after 60 seconds: not $what"
    sleep 0.5
  done
}
is_ready() { curl -fs -o /dev/null "$url/readyz"; }
sign_in() { "$bursar" token "$1@acme.test" > "$scratch/$1.token"; }

# start_bursar WORLD: loads the world into a home of its own, and serves it at $url until the script ends.
start_bursar() {
  local port
  port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  url="http://127.0.0.1:$port" home="$scratch/home"
  mkdir "$home"
  unset DATABASE_URL EMAIL_URL "${!BURSAR_@}"  # nothing but what follows
  export BURSAR_HOME="$home" PORT="$port"
  "$bursar" migrate | quote
  "$bursar" load "$1" > "$scratch/load" || { cat "$scratch/load"; broken "the world does not load"; }
  "$bursar" up > "$scratch/up.log" 2>&1 &
  up=$!
  soon "ready" is_up
}
is_up() {
  kill -0 "$up" 2>/dev/null || { tail -n 5 "$scratch/up.log" >&2; broken "Bursar ended at once"; }
  is_ready
}
