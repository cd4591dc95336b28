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

. demo/lib.sh

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

# A Bursar to talk to

if [ -z "$url" ]; then
  heading "A Bursar with the demo world comes up"
  start_bursar demo/acme.yaml
  note "It serves $url."
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
soon "a mail to bob" has_mail bob@acme.test "has arrived"
note "A mail tells him that it has arrived."

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
note "Each got one mail about that. It lies in $home/mail; Bob's says:"
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
  = "requested written sent approved assigned fulfilled written sent activated " ] || broken "the story is not complete"

heading "All six steps went as promised."
