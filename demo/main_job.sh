#!/usr/bin/env bash
# The main job of Bursar in six steps: a learner asks for a license, an administrator approves, the learner
# activates it, and five people are put into two course runs at once.
#
#   demo/main_job.sh                              starts a Bursar of its own, and ends it afterwards
#   demo/main_job.sh --against URL --home DIR     uses one that runs with a fresh demo world (make demo: var)
#
# It exits with 1 as soon as something is not as promised.
set -euo pipefail
cd "$(dirname "$0")/.."

bursar=.venv/bin/bursar
python=.venv/bin/python
acme=11111111-1111-4111-8111-111111111111
plan=11111111-0001-4001-8001-111111111111
open_run="course-v1:MITx+6.00.1x+2T2026"
closed_run="course-v1:UQx+Think101x+2026"

url="" home=""
while [ $# -gt 0 ]; do
  case "$1" in
    --against) url="${2%/}"; shift 2 ;;
    --home) home="$2"; shift 2 ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
if [ -n "$url" ] && [ -z "$home" ]; then echo "--against needs --home: tokens and mails come from there" >&2; exit 2; fi
test -x "$bursar" || { echo "Type \`make setup\` first: $bursar is missing." >&2; exit 1; }

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

# call WHO METHOD PATH [JSON]: shows and makes the call; leaves the status in $status, the body in $answer.
call() {
  printf '  %s%s$ curl -X %s %s%s%s\n' "$dim" "$1" "$2" "$3" "${4:+ -d '$(shorten "$4")'}" "$plain"
  local token="$scratch/$1.token"
  local arguments=(-sS -X "$2" -H "Authorization: JWT $(cat "$token")" -w '%{http_code}' -o "$scratch/answer")
  if [ $# -gt 3 ]; then arguments+=(-H "Content-Type: application/json" -d "$4"); fi
  status=$(curl "${arguments[@]}" "$url$3")
  answer=$(cat "$scratch/answer")
}
shorten() { if [ ${#1} -gt 150 ]; then printf '%s ...' "${1:0:150}"; else printf '%s' "$1"; fi; }
expect() { [ "$status" = "$1" ] || broken "the answer is $status, not $1: $(shorten "$answer")"; }

# pick EXPRESSION: a Python expression about the JSON in $answer, which it calls `it`; lists become lines.
pick() {
  "$python" -c '
import json, sys
found = eval(f"({sys.argv[2]})", {"it": json.loads(sys.argv[1])})
print(*(found if isinstance(found, list) else [found]), sep="\n")' "$answer" "$1"
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
  local what="$1" tries=120
  shift
  until "$@"; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || broken "after 60 seconds: not $what"
    sleep 0.5
  done
}
is_ready() { curl -fs -o /dev/null "$url/readyz"; }
sign_in() { "$bursar" token "$1@acme.test" > "$scratch/$1.token"; }

# A Bursar to talk to

if [ -z "$url" ]; then
  port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  url="http://127.0.0.1:$port" home="$scratch/home"
  mkdir "$home"
  unset DATABASE_URL EMAIL_URL "${!BURSAR_@}"  # nothing but what follows
  export BURSAR_HOME="$home" PORT="$port"
  heading "A Bursar with the demo world comes up at $url"
  "$bursar" migrate | quote
  "$bursar" load demo/acme.yaml > "$scratch/load" || { cat "$scratch/load"; broken "the demo world does not load"; }
  "$bursar" up > "$scratch/up.log" 2>&1 &
  up=$!
  soon "ready: $(tail -n 3 "$scratch/up.log")" is_ready
else
  export BURSAR_HOME="$home" PORT="${url##*:}"
  heading "With the Bursar at $url"
  is_ready || broken "nobody answers at $url/readyz"
fi
for person in alice bob dana erin; do sign_in "$person"; done
note "Acme is a customer with a plan of 50 licenses. Alice administers it; Bob, Dana and Erin learn there."
note "Their tokens come from \`bursar token bob@acme.test\` and the like."

heading "1. Bob asks for a license, because he wants to take a course"
call bob POST /api/v1/license-requests/ "{\"enterprise_customer_uuid\": \"$acme\", \"course_id\": \"MITx+6.00.1x\"}"
expect 201
request=$(pick 'it["uuid"]')
pick 'f"""{it["state"]}: {it["course_title"]}"""' | quote

heading "2. Alice sees who waits, and approves all at once"
call alice GET "/api/v1/license-requests/?enterprise_customer_uuid=$acme&state=requested"
expect 200
pick '[f"""{row["email"]:16} {row["state"]:10} {row["course_id"]}""" for row in it["results"]]' | quote
[ "$(pick 'sorted(row["email"] for row in it["results"])' | tr '\n' ' ')" = "bob@acme.test dana@acme.test " ] \
  || broken "not exactly Bob and Dana wait (a fresh demo world is needed)"
waiting=$(pick '__import__("json").dumps([row["uuid"] for row in it["results"]])')
call alice POST /api/v1/license-requests/approve/ "{\"enterprise_customer_uuid\": \"$acme\", \
\"subscription_plan_uuid\": \"$plan\", \"subsidy_request_uuids\": $waiting, \"send_notification\": true}"
expect 200
pick '[f"""{row["email"]:16} {row["state"]}""" for row in it]' | quote
[ "$(pick 'len(it)')" = 2 ] || broken "not both requests were answered"
note "Both seats are held from this moment on. The licenses follow in the background."

heading "3. In the background both get their license, and a mail"
are_approved() {
  call alice GET "/api/v1/license-requests/?enterprise_customer_uuid=$acme&state=approved" > "$scratch/shown"
  [ "$(pick 'it["count"]')" = 2 ]
}
soon "both approved" are_approved
cat "$scratch/shown"
pick '[f"""{row["email"]:16} {row["state"]:10} license {row["license_uuid"]}""" for row in it["results"]]' | quote
license_of() { pick "next(row['license_uuid'] for row in it['results'] if row['email'] == '$1@acme.test')"; }
license_of_bob=$(license_of bob) license_of_dana=$(license_of dana)
for person in bob dana; do
  soon "a mail to $person" has_mail "$person@acme.test" "is approved"
  [ "$(count_mails "$person@acme.test" "is approved")" = 1 ] || broken "$person got more than one mail"
done
note "Each got one mail. It lies in $home/mail; Bob's says:"
mails bob@acme.test "is approved" | quote

heading "4. Bob activates his license"
call bob GET "/api/v1/learner-licenses/?enterprise_customer_uuid=$acme"
expect 200
key=$(pick 'it["results"][0]["activation_key"]')
pick '[f"""license {each["uuid"]} is {each["status"]}""" for each in it["results"]]' | quote
has_mail bob@acme.test "$key" || broken "Bob's mail does not lead to his license"
call bob POST "/api/v1/license-activation/?activation_key=$key"
expect 200
pick 'f"""license {it["uuid"]} is {it["status"]}"""' | quote
[ "$(pick 'it["status"]')" = activated ] || broken "the license is not activated"

heading "5. Alice puts five people into two course runs, in one request"
note "One of them has no account yet, one is not an address, and one of the runs is closed."
call erin GET "/api/v1/learner-licenses/?enterprise_customer_uuid=$acme"
expect 200
license_of_erin=$(pick 'it["results"][0]["uuid"]')
pair() { printf '{"email": "%s", "course_run_key": "%s", "%s": "%s"}' "$1" "$2" "$3" "$4"; }
payment="99999999-9999-4999-8999-999999999999"
pairs=""
for run in "$open_run" "$closed_run"; do
  pairs+="$(pair bob@acme.test "$run" license_uuid "$license_of_bob"), "
  pairs+="$(pair dana@acme.test "$run" license_uuid "$license_of_dana"), "
  pairs+="$(pair erin@acme.test "$run" license_uuid "$license_of_erin"), "
  pairs+="$(pair uma@acme.test "$run" transaction_id "$payment"), "
  pairs+="$(pair "uma at acme" "$run" transaction_id "$payment"), "
done
enroll() {
  call alice POST "/enterprise/api/v1/enterprise-customer/$acme/enroll_learners_in_courses/" \
    "{\"notify\": true, \"enrollments_info\": [${pairs%, }]}"
  expect 409
  pick '[f"""enrolled  {row["email"]:15} {row["course_run_key"]}{"" if row["created"] else "  (was there)"}"""
         for row in it["successes"]]
      + [f"""pending   {row["email"]:15} {row["course_run_key"]}""" for row in it["pending"]]
      + [f"""failed    {row["email"]:15} {row["course_run_key"]}\n            {row["code"]}: {row["message"]}"""
         for row in it["failures"]]
      + [f"""failed    {address:15} is not an address""" for address in it["invalid_email_addresses"]]' | quote
  [ "$(pick '[len(it[each]) for each in ("successes", "pending", "failures")]' | tr '\n' ' ')" = "$1 " ] \
    || broken "there are not $1 enrolled, pending and failed pairs"
}
enroll "3 1 4"
note "(409 says that some pairs failed; the others are done.)"

note ""
note "Uma reads her mail, makes an account and confirms her address:"
soon "a mail to Uma" has_mail uma@acme.test "$open_run"
mails uma@acme.test "$open_run" | quote
printf '  %suma$ curl -X POST /api/user/v2/account/registration/ -d email=uma@acme.test -d username=uma ...%s\n' "$dim" "$plain"
status=$(curl -sS -o "$scratch/answer" -w '%{http_code}' "$url/api/user/v2/account/registration/" \
  -d email=uma@acme.test -d username=uma -d "name=Uma Unknown" -d "password=correct horse battery" \
  -d terms_of_service=true -d honor_code=true)
answer=$(cat "$scratch/answer")
expect 200
soon "a mail with Uma's link" has_mail uma@acme.test /confirm-email/
link=$(mails uma@acme.test /confirm-email/ | grep -o 'https\?://[^ ]*/confirm-email/[^ ]*' | sed -n 1p)
note "She opens the link in the mail and presses the button on its page: $(shorten "$link")"
form=$(curl -fsS -c "$scratch/cookies" "$link" | sed -n 's/.*name="csrfmiddlewaretoken" value="\([^"]*\)".*/\1/p' | sed -n 1p)
curl -fsS -o /dev/null -b "$scratch/cookies" -e "$link" -d "csrfmiddlewaretoken=$form" "$link" \
  || broken "the link in Uma's mail does not confirm her address"
is_enrolled() {
  "$bursar" manage shell --no-imports -c "
from bursar.enrollments.models import Enrollment
from bursar.identity.models import User
uma = User.objects.get(username='uma')
print(*Enrollment.objects.filter(lms_user_id=uma.lms_user_id, is_active=True).values_list('run_key', 'mode'))" \
    > "$scratch/enrollments"
  grep -q "$open_run" "$scratch/enrollments"
}
soon "Uma enrolled" is_enrolled
note "What waited for her is hers now. Alice, who sends the same request again, sees it; nothing is done twice:"
enroll "4 0 4"
[ "$(pick 'sum(row["created"] for row in it["successes"])')" = 0 ] || broken "the second request did something again"

heading "6. The whole story of Bob's request"
call bob GET "/api/v1/license-requests/$request/history/"
expect 200
pick '[f"""{line["at"][:19].replace("T", " ")}  {line["subject"]:8} {line["event"]:10} {line["by_username"] or "(the system)":13} {line["detail"]}"""
       for line in it["results"]]' | quote
[ "$(pick '[line["event"] for line in it["results"]]' | tr '\n' ' ')" \
  = "requested approved assigned fulfilled written sent activated " ] || broken "the story is not complete"

heading "All six steps went as promised."
