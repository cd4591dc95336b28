#!/usr/bin/env bash
# Bulk enrollment, start to end: a file of 1,000 people is rehearsed, then done in the background for two course runs,
# and sent once more; another job is cancelled halfway.
#
#   demo/bulk.sh        starts a Bursar of its own, and ends it afterwards
#
# It exits with 1 as soon as something is not as promised.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# -gt 0 ]; then sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; fi

. demo/lib.sh

acme=11111111-1111-4111-8111-111111111111
plan=11111111-0001-4001-8001-111111111111
bulk="/api/v1/bulk-license-enrollment/?enterprise_customer_uuid=$acme"
biology="course-v1:AcmeX+Biology+2026"
chemistry="course-v1:AcmeX+Chemistry+2026"

# The world: a plan whose 1,000 licenses are all assigned; 950 of their holders have accounts.
"$python" - "$acme" "$plan" > "$scratch/world.yaml" <<'PYTHON'
import sys

customer, plan = sys.argv[1:]
catalog = "11111111-aaaa-4aaa-8aaa-111111111111"
everybody = [f"learner{number:04}@acme.test" for number in range(1, 1_001)]
print("courses:")
for title in ("Biology", "Chemistry", "Economics", "History", "Physics"):
    print(f"  - key: AcmeX+{title}")
    print(f"    title: {title}")
    print(f"    runs: [{{key: 'course-v1:AcmeX+{title}+2026', start: -10d, end: +90d, modes: [{{slug: audit}}]}}]")
print("users:")
print("  - {email: alice@acme.test, username: alice, name: Alice Admin}")
for email in everybody[:950]:
    print(f"  - {{email: {email}, username: {email.partition('@')[0]}}}")
print(f"""\
customers:
  - uuid: {customer}
    name: Acme
    slug: acme
    contact_email: learning@acme.test
    catalogs: [{{uuid: {catalog}, title: Everything, courses: ["*"]}}]
    admins: [alice@acme.test]
    plans:
      - uuid: {plan}
        title: Acme 2026
        catalog: {catalog}
        start: -90d
        expiration: +275d
        licenses: 1000
        assigned: [{", ".join(everybody)}]""")
PYTHON

# The file: a header and 1,000 lines. The last three are bad on purpose.
{
  echo "email"
  for number in $(seq -f %04g 1 997); do echo "learner$number@acme.test"; done
  echo "learner at acme"          # no address
  echo "visitor@nowhere.test"     # no license
  echo "Learner0001@Acme.test"    # named before
} > "$scratch/people.csv"

heading "A Bursar with a customer and 1,000 people comes up"
start_bursar "$scratch/world.yaml"
note "It serves $url."
note "Acme has a plan with 1,000 licenses, all of them assigned. 950 of their holders have accounts, 50 have none yet."
note "Alice administers Acme. She has a file of 1,000 people; its end says:"
tail -n 4 "$scratch/people.csv" | quote
sign_in alice

form=(-F "csv=@$scratch/people.csv" -F "course_run_keys=$biology" -F "course_run_keys=$chemistry" -F notify=true)

# counts: how many pairs came to which outcome, as "failed=3 pending=94 success=1900".
counts() { pick '" ".join(f"{outcome}={count}" for outcome, count in sorted(it["counts"].items()))'; }
expect_counts() { [ "$(counts)" = "$1" ] || broken "the counts are $(counts), not $1"; }
expect_bad_row() {
  pick '[f"""row {row["row"]}: {row["code"]}: {row["message"]}""" for row in it["bad_rows"]]' | quote
  [ "$(pick '[row["row"] for row in it["bad_rows"]]')" = 999 ] || broken "not exactly row 999 is bad"
}

# follow JOB: shows how far it is whenever that has changed, until it has ended; its last answer stays in $answer.
follow() {
  local seen="" now
  has_ended() {
    call alice GET "/api/jobs/v1/jobs/$1/" > "$scratch/shown"
    expect 200
    now=$(pick 'f"""{it["state"]:9} {it["progress_percent"]:3} %  {it["done_count"]} of {it["item_count"]}"""')
    if [ -z "$seen" ]; then cat "$scratch/shown"; fi
    if [ "$now" != "$seen" ]; then echo "$now" | quote; seen="$now"; fi
    [ "$(pick 'it["finished"] is not None')" = True ]
  }
  soon "ended" has_ended "$1"
}

# count_all_mails WORD: how many mails there are whose subject contains the word, and to how many addresses.
count_all_mails() {
  "$python" -c '
import email, email.policy, pathlib, sys
read = lambda path: email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
found = [mail["To"] for mail in map(read, pathlib.Path(sys.argv[1], "mail").glob("*.eml")) if sys.argv[2] in mail["Subject"]]
print(len(found), "to", len(set(found)))' "$home" "$1"
}
expect_mails() {
  local found
  found=$(count_all_mails "$1")
  [ "$found" = "$2" ] || broken "the mails with \"$1\" are $found, not $2"
}
are_there() { [ "$(find "$home" -name '*.eml' | wc -l)" -ge "$1" ]; }

heading "1. Alice rehearses: what would become of these people in two course runs?"
call alice POST "$bulk" "${form[@]}" -F dry_run=true
expect 200
pick '[f"""{outcome:9} {count:5}""" for outcome, count in it["counts"].items()]' | quote
expect_counts "failed=3 pending=94 success=1900"
expect_bad_row
note "Nothing was done; there is no job, and no mail:"
call alice GET "/api/jobs/v1/jobs/?enterprise_customer_uuid=$acme"
expect 200
[ "$(pick 'it["count"]')" = 0 ] || broken "the rehearsal made a job"
expect_mails "" "0 to 0"
echo "jobs: 0, mails: 0" | quote

heading "2. She lets it be done"
call alice POST "$bulk" "${form[@]}"
expect 201
job=$(pick 'it["job_id"]')
echo "job $job" | quote
expect_bad_row

heading "3. The answer came at once; the work goes on in the background"
follow "$job"
[ "$(pick 'it["state"]')" = done ] || broken "the job is $(pick 'it["state"]')"
[ "$(pick 'it["item_count"]')" = 1997 ] || broken "not 1,997 pairs were done: who is named twice counts once"
expect_counts "failed=3 pending=94 success=1900"
note "That is what the rehearsal said. 1,997 pairs: who is named twice counts once, and the bad row once."

heading "4. What became of everybody, as a table and as JSON"
call alice GET "/api/jobs/v1/jobs/$job/results.csv"
expect 200
[ "$(wc -l < "$scratch/answer")" -eq 1998 ] || broken "the table has not a header and 1,997 lines"
sed -n 1,4p "$scratch/answer" | quote
echo "..." | quote
grep -m 2 ",pending," "$scratch/answer" | quote
echo "..." | quote
grep ",failed," "$scratch/answer" | quote
[ "$(grep -c ",failed," "$scratch/answer")" = 3 ] || broken "not 3 lines failed"
call alice GET "/api/jobs/v1/jobs/$job/results.json"
expect 200
expect_counts "failed=3 pending=94 success=1900"
pick '[f"""is_complete: {it["is_complete"]}"""]
    + [f"""{row["email"]}: {row["code"]}: {row["message"]}""" for row in it["results"] if row["outcome"] == "failed"]' | quote
[ "$(pick 'sum(row["created"] for row in it["results"])')" = 1994 ] || broken "not all are new"

heading "5. Everybody is told: each learner by one mail for both courses, Alice by a receipt"
soon "998 mails" are_there 998
expect_mails "has enrolled you in 2 courses" "950 to 950"
expect_mails "2 courses wait for you" "47 to 47"
expect_mails "Bulk enrollment at Acme" "1 to 1"
expect_mails "" "998 to 998"
echo "950 to learners with accounts, 47 to people without, 1 to Alice" | quote
note ""
note "Learner 1 has an account:"
mails learner0001@acme.test "" | quote
note ""
note "Learner 997 has none:"
mails learner0997@acme.test "" | quote
note ""
note "Alice's receipt:"
mails alice@acme.test "Bulk enrollment at Acme" | quote

heading "6. She sends the same file again: nothing is done twice"
call alice POST "$bulk" "${form[@]}"
expect 201
again=$(pick 'it["job_id"]')
[ "$again" != "$job" ] || broken "it is the same job"
follow "$again"
expect_counts "failed=3 pending=94 success=1900"
call alice GET "/api/jobs/v1/jobs/$again/results.json"
expect 200
created=$(pick 'sum(row["created"] for row in it["results"])')
echo "created: $created" | quote
[ "$created" = 0 ] || broken "the second job did something again"
soon "a second receipt" are_there 999
expect_mails "Bulk enrollment at Acme" "2 to 1"
expect_mails "" "999 to 998"
note "Alice got a receipt for this job, too; no learner got another mail."

heading "7. She puts everybody into all five courses, and thinks better of it"
runs=$(printf '"course-v1:AcmeX+%s+2026", ' Biology Chemistry Economics History Physics)
call alice POST "$bulk&subscription_uuid=$plan&enroll_all=true" "{\"course_run_keys\": [${runs%, }], \"notify\": false}"
expect 201
large=$(pick 'it["job_id"]')
call alice POST "/api/jobs/v1/jobs/$large/cancel/"
expect 200
follow "$large"
[ "$(pick 'it["state"]')" = cancelled ] || broken "the job is $(pick 'it["state"]')"
[ "$(pick 'it["counts"]["cancelled"] > 0 and it["done_count"] == it["item_count"] == 5000')" = True ] \
  || broken "the counts of a cancelled job are $(counts)"
pick '[f"""{outcome:9} {count:5}""" for outcome, count in it["counts"].items()]' | quote
note "What was done stays, and what had not begun is not done any more. A job that is done stays done:"
call alice POST "/api/jobs/v1/jobs/$job/cancel/"
expect 422
[ "$(pick 'it["code"]')" = job_ended ] || broken "the refusal is $answer"
pick 'it["detail"]' | quote

heading "All seven steps went as promised."
