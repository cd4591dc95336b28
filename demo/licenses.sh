#!/usr/bin/env bash
# A plan's licenses without requests, in six steps: assigned with a mail, reminded of, activated, revoked, read as a
# table, and all taken back in the background.
#
#   demo/licenses.sh        starts a Bursar of its own, and ends it afterwards
#
# It exits with 1 as soon as something is not as promised.
set -euo pipefail
cd "$(dirname "$0")/.."

. demo/lib.sh

if [ $# -gt 0 ]; then sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; fi

acme=11111111-1111-4111-8111-111111111111
plan=11111111-0001-4001-8001-111111111111
licenses="/api/v1/subscriptions/$plan/licenses"

heading "A Bursar with the demo world comes up"
start_bursar demo/acme.yaml
for person in alice bob; do sign_in "$person"; done
note "Acme has a plan of 50 licenses, which Alice administers. Bob learns there."

heading "1. Alice gives Bob and a new colleague a license, in her own words"
body='{"user_emails": ["Bob@Acme.test", "new.colleague@acme.test"], "greeting": "Good morning!", "closing": "Yours, Alice"}'
call alice POST "$licenses/assign/" "$body"
expect 200
pick '[f"""{row["user_email"]:26} {row["license"]}""" for row in it["license_assignments"]]' | quote
soon "mailed to Bob" has_mail bob@acme.test "given you a license"
note "Bob's mail:"
mails bob@acme.test "given you a license" | quote

heading "2. Sent again it changes nothing, and nobody is mailed twice"
call alice POST "$licenses/assign/" "$body"
expect 200
[ "$(pick 'it["num_already_associated"]')" = 2 ] || broken "somebody got a second license"
pick 'f"""{it["num_successful_assignments"]} new, {it["num_already_associated"]} had one"""' | quote
[ "$(count_mails bob@acme.test "given you a license")" = 1 ] || broken "Bob was mailed twice"

heading "3. She reminds the new colleague"
call alice POST "$licenses/remind/" '{"filters": [{"name": "user_email", "filter_value": "new.coll"}]}'
expect 204
soon "reminded" has_mail new.colleague@acme.test "is waiting"
mails new.colleague@acme.test "is waiting" | sed -n 1p | quote

heading "4. Bob activates his license; the key is good for nobody else"
call bob GET "/api/v1/learner-licenses/?enterprise_customer_uuid=$acme"
expect 200
key=$(pick 'it["results"][0]["activation_key"]')
call alice POST "/api/v1/license-activation/?activation_key=$key"
expect 404
call bob POST "/api/v1/license-activation/?activation_key=$key"
expect 200
pick 'f"""{it["user_email"]} {it["status"]}"""' | quote

heading "5. Alice takes the new colleague's license back, and looks at the plan"
call alice POST "$licenses/bulk-revoke/" '{"user_emails": ["new.colleague@acme.test"]}'
expect 200
call alice GET "$licenses/overview/"
expect 200
pick '[f"""{row["status"]:11} {row["count"]}""" for row in it]' | quote
call alice GET "$licenses/csv/"
expect 200
printf '%s\n' "$answer" | quote

heading "6. She takes all of them back, in the background"
call alice POST "$licenses/revoke-all/"
expect 204
is_empty() { call alice GET "$licenses/?active_only=1" > /dev/null && [ "$(pick 'it["count"]')" = 0 ]; }
soon "revoked" is_empty
call alice GET "/api/jobs/v1/jobs/?customer=$acme"
expect 200
pick '[f"""{row["title"]}: {row["state"]}, {row["counts"]}""" for row in it["results"]]' | quote
call alice GET "$licenses/overview/"
pick '[f"""{row["status"]:11} {row["count"]}""" for row in it]' | quote
note "Free ones have taken their place: the plan keeps its size."

heading "All six steps went as promised."
