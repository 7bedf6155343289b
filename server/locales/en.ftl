# Every word on the pages. Short sentences, shop-floor English, no exclamation marks.

## Frame
product = Gongzheng
product-line = Evidence of retrofit results
skip = Skip to content
nav = Navigation
nav-fleet = All factories
nav-site = Overview
nav-reports = Reports
nav-gateways = Gateways
sign-out = Sign out
simulated = 模拟数据 SIMULATED
simulated-words = The values on this page come from a simulator; no factory produced them.
simulated-tag = Simulated
legend-title = How we know it
page-zone = Times: { $zone }
page-made = page made { $time }
honest-limit = The signed chain starts at the gateway; whether the sensor sits on the right cable is for the on-site check.
page-previous = Previous
page-next = Next
copy = Copy
late = stated late
coverage = coverage { $share }
grade = grade { $letter }
list-comma = {", "}

## Classes
class-measured = measured
class-computed = computed
class-stated = stated by a person
class-unknown = unknown
class-refused = failed verification

## Time
age-now = just now
age-seconds = { $n } s ago
age-minutes = { $n } min ago
age-hours = { $n } h ago
age-days = { $n ->
    [one] { $n } day ago
   *[other] { $n } days ago
}

## Units
unit-piece = pcs
unit-kwh-per-hour = kWh/std h
unit-kwh-per-piece = kWh/pc

## Machine states
state-run = Running
state-setup = Changeover
state-idle = Idle
state-wait = Starved/blocked
state-fault = Breakdown
state-maint = Maintenance
state-off = Off
state-unknown = Unknown
state-since = since { $time }
stop-break = Break
outside-shifts = outside shifts
planned-stop = Planned stop

## Sign-in
login-title = Sign in
login-name = User name
login-password = Password
login-submit = Sign in
login-wrong = User name or password is not right. Check both and try again; if you forgot the password, ask the administrator of this server.
login-limited = Too many attempts; sign-in is paused. Try again in 15 minutes.
login-expired = Your session is over, or you signed out elsewhere. Sign in again; you will return to the page you wanted.
login-help = No account? Ask the administrator of this server. There is no default password.
login-promise = Every number leads back to a reading. What could not be read says unknown.

setup-title = First run
setup-line = Create the first administrator
setup-code = First-run code
setup-code-help = Printed in the terminal when the server first starts; or run on the server:
setup-password-help = At least 12 characters.
setup-repeat = Password again
setup-submit = Create administrator
setup-wrong = The first-run code is not right or was already used. Get a new one on the server and enter it again.
setup-mismatch = The two passwords differ. Enter them again.
setup-invalid = The user name needs 1–64 characters and the password at least 12. Change them and try again.

## Problem pages
problem-where = Where
problem-do = What to do
problem-reference = Log reference
problem-home = Back to the start
problem-missing = There is no such page, or your role does not show it
problem-missing-do = Check the address. To see this factory, ask the administrator of this server for access.
problem-forbidden = This action is not allowed
problem-forbidden-do = Go back, reload the page and try again; if it still fails, ask the administrator what your role allows.
problem-request = The request was not understood
problem-request-do = Go back, check what you entered and try again.
problem-busy = The service is busy
problem-busy-do = Try again shortly. Gateway data is safe: what was not delivered stays in the gateway.
problem-failed = Something failed inside the server
problem-failed-do = Try again shortly; if it still fails, give the log reference below to the administrator. No data was lost.

## All factories
fleet-question = Who needs me today
fleet-head-none = No factory is connected yet
fleet-head-fine = { $n ->
    [one] The factory is online and its evidence is whole
   *[other] All { $n } factories are online and their evidence is whole
}
fleet-head-need = Look here first: { $list }
fleet-head-alarmed = { $n } with alarms
fleet-head-offline = { $n } offline
fleet-head-silent = { $n } never reported
fleet-lead = Sorted by need. A factory's name leads to its losses of the day, a number to its explanation.
tally-sites = factories
tally-online = online
tally-offline = offline
tally-alarmed = with alarms
tally-silent = never reported
fleet-search = Find
fleet-search-hint = Name or id
fleet-order = Order
order-risk = Needs attention first
order-name = By name
order-silent = Longest silent first
fleet-apply = Show
fleet-caption = Factories: online, coverage, evidence, OEE and energy
fleet-empty-title = No factory yet
fleet-empty-words = Create a site on the server, then an enrolment code for its gateway:
fleet-empty-search = No factory matches
fleet-empty-search-words = Try another name or id; an empty field shows all.
fleet-note = OEE and energy are of the recent window, with the base period (before the retrofit) beside them. Whether the difference is significant is for the report and its interval to say.
fleet-base = base { $value }
fleet-base-none = no base period
col-site = Factory
col-online = Online
col-coverage = Coverage
col-evidence = Evidence
col-oee = OEE
col-energy = Energy per standard hour
spark-oee = { $name }: OEE by day, base period dashed
site-online = Online
site-offline = Offline
site-never = No data
site-never-words = nothing ever received
site-last-seen = { $age } · gateways: { $n }
evidence-whole = Chain whole
evidence-broken = Chain irregular
evidence-none = No records yet
evidence-alarms = { $n ->
    [one] { $n } alarm
   *[other] { $n } alarms
}
evidence-lost = { $n ->
    [one] { $n } record declared lost
   *[other] { $n } records declared lost
}
attention-none = Fine
attention-never-delivered = Never reported
attention-offline = Offline
attention-chain = Chain irregular
attention-lost = Records lost
attention-alarms = Alarms
attention-coverage = Coverage below 95 %
attention-oee-down = OEE below base
attention-energy-up = Energy increase

## One factory
site-question = What did we lose
site-no-day = no production day yet
site-head-empty = No machines yet
site-head-empty-lead = Once machines and signals are declared, this page shows the losses of each day.
site-head-no-plan = No production was planned on this day
site-head-no-plan-lead = Declare the shift calendar; losses count against planned time.
site-head-lost = { $lost } of { $planned } planned time lost ({ $share })
site-head-largest = Largest: { $name }, { $ms }.{" "}
site-head-unknown = Another { $ms } is unknown: counted neither as loss nor as output.
site-empty-title = Next step: declare a machine
site-empty-words = A machine needs a name, a shift calendar and signals (state, counts, energy). With the JSON file ready, run on the server:
hero-oee = OEE (recent)
hero-energy = Energy per standard hour (recent)
hero-gateways = Gateways online
hero-gateways-note = Last data received { $age }
site-losses = Where the planned time went
site-losses-title = { $name }: what the planned time is made of
site-losses-note = Sum of all production machines; the parts add up to the planned time exactly. Unknown time stands apart, never guessed.
site-machines = Machines
col-machine = Machine
col-state = Now
col-states = States of the shift
col-oee-day = OEE
col-good = Good
col-energy-day = Energy
kind-production = production machine
kind-auxiliary = auxiliary
kind-meter = meter
mini-title = { $name }, states { $from }–{ $to }
not-applicable = not applicable
site-compare = Before and after
site-compare-note = Hollow dot: base period. Solid dot: reporting period. Pale band: that period’s own bounds, where the value could lie had the unobserved time been observed. Thin bar: 95 % interval of the difference, measured from the base. Only a bar that stays clear of the hollow dot is called a rise or a fall.
compare-empty = Once a report is issued, this shows OEE before and after for each machine, with intervals.
compare-total = Total
compare-words = Plan { $plan }: base period { $base }, reporting period { $period }.
verdict-up = Up { $diff } { $points } { $interval }
verdict-down = Down { $diff } { $points } { $interval }
verdict-more = Up { $diff } { $points } { $interval }
verdict-less = Down { $diff } { $points } { $interval }
verdict-flat = No significant change { $diff } { $points } { $interval }
verdict-points = points
line-per-day = {" per day"}
verdict-insufficient = Too little data to say
site-energy = Energy by day
site-energy-lead = { $total } over the last { $days } production days, from register differences.
site-energy-empty = Once an energy meter is connected, this shows its energy by production day.
energy-no-register = no usable register difference on this day
energy-measured = measured energy
energy-run = while running
energy-idle = while not running
energy-unknown = while the state was unknown
site-coverage = Coverage calendar
site-coverage-lead = { $share } of planned time observed over the last { $days } production days.
site-coverage-none = No planned time yet, so there is no coverage to state.
calendar-observed = observed
calendar-missing = missing
calendar-free = nothing planned
site-evidence = Evidence
site-evidence-link = Issue a report, download the bundle
site-alarms = Alarms
log-leaves = Log entries
log-root = Root hash
log-checkpoint = Newest checkpoint
log-no-checkpoint = none yet
log-behind = Entries not yet evaluated
log-chains = Record chains
log-lost = Records declared lost
log-alarms = Alarms
site-declared = Stated by people
site-declared-none = Nobody has stated anything yet.
declared-time = Stated
declared-kind = What
declared-author = By
declared-reason = Reason
declared-calendar = Shift calendar
declared-cycle-time = Planned cycle time
declared-machine = Machine
declared-meter-replaced = Meter replaced
declared-plan = Measurement plan
declared-planned-stop = Planned stop
declared-quality-count = Reject count
declared-site = Site
declared-gateway-enrolled = Gateway enrolled
declared-gateway-revoked = Gateway revoked
declared-report-issued = Report issued

alarm-new-chain = The gateway opened a new record chain
alarm-clone = Two different records for one sequence: the gateway may have been cloned
alarm-lost = The gateway declared records lost
alarm-late = Data arrived more than 24 hours late
alarm-epoch = The log was continued after a restore

## One machine
machine-shifts = Choose a shift
day-previous = Previous production day
day-next = Next production day
shift-date = Production date
shift-go = Show
machine-shift-title = { $day }, { $shift }
machine-no-shift = No shift on this day.
machine-live = In this state for { $since }; data updated { $age }.
machine-closed = The shift is over. It is evaluated again when late records or statements arrive.
machine-empty-title = No shift to show on this day
machine-empty-words = Choose another day. If there never was one, check that calendar and signals are declared and the gateway is online.
oee-name = OEE
availability = Availability
availability-words = running time ÷ planned time
performance = Performance
performance-words = planned cycle × count ÷ running time
quality = Quality
quality-words = good ÷ produced
oee-words = planned cycle × good ÷ planned time
machine-notes = Notes on the data
machine-losses = Losses of this shift
machine-gaps = Unknown stretches
machine-gaps-none = No gap: all planned time was observed.
machine-stretches = Every stretch in detail ({ $n })
stretch-state = State
machine-outside = Outside shifts { $from } – { $to }, { $length }: in no number on this page; the energy of a report’s period includes it.
gap-time = Time
gap-length = Length
gap-cause = Cause
machine-others = Other metrics
machine-recent = Shifts before
col-shift = Shift
machine-energy = Energy by day
machine-energy-title = { $name }: energy by day
loss-planned = Planned time
loss-delay = Stops and waiting
loss-setup = Changeover
loss-no-order = No order
loss-unknown = Unknown
loss-speed = Speed loss
loss-quality = Rejects
loss-good = Good standard time
loss-producing = Running time
cause-none = cause unknown
cause-device-silent = device did not answer
cause-device-refused = device refused the read
cause-nonsense-value = nonsense value
cause-bus-busy = bus busy
cause-buffer-full = gateway buffer full
cause-process-killed = agent was killed
cause-unclean-boot = gateway lost power or rebooted
cause-damaged = damaged storage
cause-clock-unknown = clock not synchronised
cause-planned = stopped on purpose
cause-no-data = nothing was delivered
cause-lost = records lost
cause-content-missing = record content withheld
chart-no-data = no data
chart-count = { $n } pcs
chart-count-title = { $n } good pieces so far
chart-before = Base period
chart-after = Reporting period
chart-no-estimate = no comparable interval
chart-calendar-desc = { $full } of { $due } planned days fully observed
chart-calendar-day = { $date}: { $share } observed
chart-calendar-none = { $date}: nothing planned
chart-energy-desc = { $total } in all, of which { $idle } while not running

## Why this number
why-question = Why this number
why-formula = Formula with the numbers in it
why-formula-none = Nothing to put in: the metric is undefined here.
why-definition = Definition { $id }. Numerators and denominators are summed first; the one division comes last.
why-inputs = Inputs
input-symbol = Symbol
input-name = Name
input-value = Value
input-source = Known by
why-gaps = Gaps
why-parameters = Parameters and versions
why-parameters-none = No stated parameter was used.
param-name = Parameter
param-value = Value
param-source = From
param-leaf = log entry { $n }
param-constant = fixed by the formula version
param-machine = Machine definition
param-calendar = Shift calendar
param-quality-count = Reject count
param-meter-replaced = Meter replaced
param-recipe = Recipe
param-batch = Batch
param-site = Site
param-cycle-time = Planned cycle time
param-pri = Planned cycle time
param-zone-database = Time zone data
param-state-rule = State rule
param-planned-stop = Planned stop
param-formula = Formula version
why-grade = Data grade
grade-a-words = Grade A: machine-read, no gap, signed and chained record by record.
grade-b-words = Grade B: machine-read, gaps of at most 5 %, bounds given.
grade-c-words = Grade C: gaps of 5–20 %, or one value stated by a person.
grade-d-words = Grade D: stated, from bills or paper, data or statements that came late, or less than 80 % observed.
why-batches = Which records it came from
why-batches-words = Computed from { $n } records signed by gateways, over the first { $prefix } entries of the log; evaluating that prefix again gives the same digits.
batch-gateway = Gateway
batch-chain = Chain
batch-sequence = Sequence
batch-leaves = Log entries
batch-count = Records
lineage-register = Register
lineage-register-words = raw value as read, no conversion
lineage-batch = Signed record
lineage-batch-words = signed by the gateway, chained
lineage-receipt = Receipt
lineage-receipt-words = signed once on the server's disk
lineage-leaf = Log
lineage-leaf-words = a leaf of the append-only tree
lineage-value = This number
lineage-value-words = recomputed from the log prefix
why-check = Check it yourself
why-check-words = Download the evidence bundle and recompute it offline. The program must print the digits of this page.
why-others = Other metrics of this shift
undefined-unknown = undefined
undefined-not-evaluated = not evaluated yet
undefined-no-data = no data
explain-oee-iso22400 = The share of planned time in which good pieces were made at the planned cycle.
explain-availability-iso22400 = The share of planned time in which the machine ran.
explain-performance-iso22400 = What was made against what the planned cycle allows in the running time.
explain-quality-iso22400 = The share of what was made that was good the first time.
explain-energy-active = Difference of the register between the shift's first and last reading; rollover and exchange resolved.
explain-count-good = Sum of the good counter's steps within the shift.
term-pri = planned time per item
term-gq = good quantity
term-pq = produced quantity
term-sq = scrap quantity
term-rq = rework quantity
term-pbt = planned busy time
term-pot = planned operation time
term-pdot = planned downtime
term-apt = running time
term-aust = changeover time
term-adet = stops and waiting
term-adot = time without an order
term-aupt = running and changeover time
term-aubt = busy time
term-t = all time of the window
term-run = running time, planned or not
term-e = energy
term-std-gq = standard time of good items
term-std-pq = standard time of items made
term-unk = unknown time

## Reports
reports-question = Is the claim true
reports-title = Evidence reports on retrofit results
reports-lead = A report travels with every reading, signature and log entry in one bundle; anyone can recompute it offline.
reports-issue = Issue a report
reports-plan = Measurement plan
reports-issue-now = Issue
reports-issue-note = Once issued it is an entry of the log and cannot be withdrawn; a correction is a new report.
reports-notice = The report was issued.
reports-problem = The report could not be issued: the base period has too few valid shifts. Extend it or collect more, then try again.
reports-issued = Issued
reports-empty-title = No report yet
reports-empty-plan = Next step: declare a measurement plan (base period, reporting period, machines), then issue it here.
reports-empty-issue = Choose the plan above and issue the first report.
reports-empty-ask = Ask the firm or the promotion centre to issue one.
report-title = Plan { $plan }
reports-base = Base period
reports-period = Reporting period
reports-prefix = Log prefix
reports-digest = report.json SHA-256
reports-bundle = Evidence bundle
reports-no-bundle = Your role does not include raw data; the report's data can be downloaded. Ask the firm for the bundle.
line-metric = Metric
line-verdict = Verdict
reports-verify = Verify in three steps
verify-1 = Get the trust file from the promotion centre; do not rely on the one offered here:
verify-2 = Run offline on your own computer:
verify-3 = Any change is refused, with the place and the reason.
not-notarial = This report is not a notarial act, a metrological verification or an expert appraisal.

## Gateways
gateways-question = Where the data comes from
gateways-head = { $online } of { $all } gateways online
gateways-head-none = No gateway is enrolled yet
gateways-lead = Every gateway has its own key and trusts only the server it was enrolled with.
gateways-list = Gateways
gateways-empty-title = Next step: enrol the first gateway
gateways-empty-words = Enter an id below, make an enrolment code, then type it in at the gateway.
gateways-enrol = Enrol a gateway
gateways-id = Gateway id
gateways-id-help = Lower-case letters, digits and hyphens, at most 32 characters.
gateways-id-wrong = This gateway id cannot be used.
gateways-issue = Make an enrolment code
gateways-problem = This gateway id is taken. Choose another, or revoke the old gateway first.
code-title = Enrolment code of { $gateway }
code-until = Valid once, within 24 hours: until { $time }
code-do = Run on the gateway:
code-note = The code is shown only this once. It carries this server's fingerprint; the gateway will not talk to any other server.
gateway-online = Online · { $age }
gateway-offline = Offline · last { $age }
gateway-never = Enrolled, nothing delivered yet
gateway-revoked = Revoked { $time }
live-label = live, not yet evidence
live-values = Latest values
live-tag = Tag
live-value = Raw value
live-age = Age
live-no-backlog = nothing waits on the gateway
live-backlog = { $records } records ({ $bytes }) wait on the gateway
gateway-received = Last received
gateway-observed = Newest reading
gateway-sequence = Record sequence
gateway-readings = Readings
gateway-lost = Declared lost
gateway-chains = Chains
gateway-clock = Clock
gateway-version = Agent version
gateway-enrolled = Enrolled
gateway-key = Public key
clock-synchronised = synchronised
clock-unsynchronised = not synchronised
clock-unknown = unknown

## Roles
role-city = City authority
role-finance = Finance bureau
role-district = District authority
role-centre = Promotion centre
role-supervisor = Supervisor
role-assessor = Assessor
role-firm = Firm
role-provider = Service provider
role-administrator = Administrator

## What is wrong with a gateway or with this server, and what to do
disk-full = The server's disk is full: since { $time } no records are taken. Gateways keep theirs, nothing is lost. Free space or move the data directory; then it goes on by itself.
site-closed = The log of site { $site } is damaged and takes nothing: gateways keep their records. Run gongzheng-server fsck { $site }, restore sites/{ $site } from your backup, and start the server again.
refused-bad-signature = Wrong signature, refused { $n } × since the server started, newest { $time } (record { $sequence }): nothing was taken. If the box or its state folder was replaced, make a new enrolment code for it; otherwise somebody may be posing as it: look on site.
refused-unknown-gateway = Not enrolled, refused { $n } ×, newest { $time }: make an enrolment code for it.
refused-revoked = Revoked and still sending, refused { $n } ×, newest { $time }: if it shall go on, make a new enrolment code; otherwise switch it off.
refused-too-large = Record too large, refused { $n } ×, newest { $time } (record { $sequence }, { $number } bytes, at most { $limit }): it is kept on the gateway in the folder refused/. Compare the versions of agent and server, and ask support.
refused-malformed = Content not as the format says, refused { $n } ×, newest { $time } (record { $sequence }): it is kept on the gateway in the folder refused/. Compare the versions of agent and server, and ask support.
refused-out-of-order = Records out of order: { $sequence } came, { $number } is awaited ({ $time }). The gateway sends it again by itself; if this stays, run gongzheng-agent doctor there.
refused-conflict = Two different records for one number, { $n } ×, newest { $time } (record { $sequence }), set apart as evidence: an old disk image was started, or another box uses the same key. Find and stop the one that should not run.
refused-storage-full = The server had no room and asked the gateway to come again ({ $time }): free space or move the data directory.
refused-simulated = Simulated time, refused { $n } ×, newest { $time } (record { $sequence }): simulated data is only taken by a site that was created as simulated.
gateway-oversized = Packet too large, { $n } × since the server started, newest { $time } ({ $bytes } bytes, at most { $limit }): it was not read and the connection was closed. No gateway program sends such a thing: check the version on that gateway and who holds its certificate; if it leaked, revoke the gateway and enrol it again.
gateway-repeats = { $n } records came again that were already held: the same content, counted once, nothing to do.
clock-never-set = never set
clock-behind = behind the server
clock-ahead = ahead of the server
clock-do-never-set = The gateway's clock was never set (it shows a time before 2020): data is taken, and its time follows from the server's. Enable systemd-timesyncd or chrony on the gateway; if it comes back after every power cut, replace the clock's battery.
clock-do-behind = The gateway's clock is more than a minute behind the server's, perhaps it was set back: data is taken, and the sequence says what came first. Find out why, and enable systemd-timesyncd or chrony.
clock-do-ahead = The gateway's clock is more than a minute ahead of the server's: data is taken, and the sequence says what came first. Find out why, enable systemd-timesyncd or chrony, and check the server's clock.
clock-do-unsynchronised = The gateway's clock is not synchronised: data is taken, its time follows from the server's, with the error stated. Enable systemd-timesyncd or chrony.
clock-do-unknown = The gateway does not say whether its clock is synchronised. Enable systemd-timesyncd, or set synchronised_file in [clock] of its configuration.
alarm-epoch-words = The server was restored from an older copy: its log had { $old } entries and has { $kept } now. Gateways send again what they still keep; statements made in between must be entered again.
alarm-clone-words = Two different records for number { $detail }, set apart as evidence: an old disk image was started, or another box uses the same key. Find and stop the one that should not run.
alarm-new-chain-words = The gateway opened a new record chain: { $detail }
chain-tail-damaged = the end of its buffer was damaged at the last stop, usually a power cut
chain-old-image = its disk is an old image, or it was cloned; if another box uses the same key, stop it
chain-buffer-lost = its buffer is gone, what was not delivered cannot be recovered

# All figures
figures-title = All figures
figures-words = Every figure of the chosen production dates: value, bounds, coverage, grade; open one for its formula with the numbers in it.
figures-dates = Production dates
figures-from = From
figures-to = To
figures-why = Why this number
figures-losses = Losses: from planned time to good output
figures-changeovers = Changeovers
figures-gaps = Every gap
figures-gaps-more = { $n } more are not listed
figures-excluded = Left out of sums, coverage below 80 %: { $shift }
figures-prefix = Computed from the first { $prefix } leaves of the log; below, the leaves of the records used, by gateway.
figures-live = Computed when this page was opened; not a report: what can be recomputed offline are the lines of issued reports.
figures-link = All figures of this machine, and why
figures-site-link = All figures of the site
change-products = Products
change-time = From and to
change-length = Changeover
change-stopped = Stopped
group-time = Time and OEE
group-reliability = Failures and repair
group-quality = Quality
group-production = Output, cycle times, changeovers
group-batch = Batches and continuous processes
group-energy = Energy
group-carbon = Carbon
group-change = Before and after
group-ledger = Ledger, connection, collection
group-trust = Matters to verify
catalogue-title = Metric definitions
catalogue-count = { $n } definitions.
catalogue-words = A definition never changes once it is out; another rule is another version. Pages, API, reports and the offline verifier use the same ones.
catalogue-ratio = ratio
part-p10 = 10th percentile
part-p50 = median
part-p90 = 90th percentile
part-p95 = 95th percentile
part-p99 = 99th percentile
part-median = median
part-mean = mean
part-mean-only = mean (polled too slowly for single cycles)
part-cv = coefficient of variation
part-n = count
part-breakdown = breakdown
part-setup = setup and adjustment
part-minor-stop = minor stops
part-waiting = waiting
part-other-stop = other stops
term-minor = minor stops
term-wait = waiting
term-on = powered time
term-loss = time lost
term-tbf = operating time
term-fe = failures
term-ttr = restoration time
term-fault = time in fault
term-n = how many
term-of = of how many
term-left-out = cycles left out as stops
term-first-ms = median of the first quarter (ms)
term-last-ms = median of the last quarter (ms)
term-items-per-cycle = items per cycle
term-pri-us = planned time per item (µs)
term-hours = whole hours
term-sq-startup = scrap of start-up and changeover
term-changeover = time of all changeovers
term-stopped = stopped time of all changeovers
term-e-idle = energy while idle
term-e-window = energy of the greatest window
term-window = length of the window
term-from-ms = start of the window (UTC ms)
term-uncovered = windows not wholly covered
term-p-max = maximum demand (kW)
term-received = readings received
term-expected = readings expected
term-live = batches that came live
term-backfilled = batches that came later
parameter-minor-stop-below-s = limit of minor stops (s)
parameter-mtbf-at-least-h = no failure: at least, with 95 % confidence (h)
parameter-failures-fewer-than = few failures, fewer than
parameter-poll-ms = polling period (ms)
parameter-factor-set = factor set
parameter-kgce-per-kwh = factor (kgce/kWh)
parameter-document = document
parameter-kg-per-kwh = emission factor (kgCO₂/kWh)
parameter-constraint = constraint station
parameter-constraint-by = chosen as
parameter-not-counted = machines not counted
parameter-not-configured = signals no gateway was ever told to read
parameter-areas = areas covered
figures-empty-title = Nothing to compute yet
figures-empty-words = Once machines and the shift calendar are declared and a gateway delivers, every figure stands here.

# Matters to verify
findings-link = Matters to verify
findings-title = Matters to verify
findings-words = Signals of a machine are held against each other; where they do not fit together, it is listed here for somebody to look at on site. Nothing here is a conclusion and no number is changed; the factory sees it first and can explain it.
findings-head = { $n ->
    [one] One matter to verify this week
   *[other] { $n } matters to verify this week
 }
findings-head-open = { $n ->
    [one] One matter to verify is open this week
   *[other] { $n } matters to verify are open this week
 }
findings-head-none = Nothing to verify this week
findings-head-hidden = Nothing open to you this week yet
findings-week = Week of
findings-previous = Week before
findings-next = Week after
findings-withheld = { $n ->
    [one] One matter is with the factory until { $date } at the latest.
   *[other] { $n } matters are with the factory until { $date } at the latest.
 }
findings-not-shown = { $n ->
    [one] One matter has not been shown to the factory yet; it opens at the latest { $days } days after the factory opens this page.
   *[other] { $n } matters have not been shown to the factory yet; they open at the latest { $days } days after the factory opens this page.
 }
findings-empty-title = Every check that was made found nothing
findings-empty-words = { $n ->
    [one] One check was made of this week, and the signals fit together.
   *[other] { $n } checks were made of this week, and the signals fit together.
 }
findings-empty-unchecked = No check had the data it needs this week; the reasons are below. Not checked does not mean that all is well.
need-first = To verify first
need-soon = To verify soon
need-routine = To verify routinely
need-words-first = before anything else of this machine is relied on
need-words-soon = before the numbers of this stretch are relied on
need-words-routine = when somebody is on site anyway
findings-on-site = What to look at on site
findings-time = When
findings-stretches-more = { $n ->
    [one] one more stretch
   *[other] { $n } more stretches
 }
findings-signals = Signals compared
findings-readings = Raw readings
findings-reading-time = Time
findings-raw = Stored value
findings-leaf = Leaf
findings-detector = Rule, parameters and false-positive rate
findings-honest = False positives: on honest simulated plants it spoke in { $found } of { $examined } machine-weeks; 95 % interval { $lower } – { $upper }.
findings-honest-none = False positives: not measured yet.
findings-honest-lead = False-positive rates were measured by simulation:
course-shown = Shown to the factory
course-acknowledged = Acknowledged
course-explained = Explained
course-release = Opens to others
course-released = Open to others
course-not-yet = not yet
findings-acknowledge = Seen and noted
findings-explain = Add an explanation
findings-text = Explanation
findings-text-help = What happened, on what record it rests, and who can confirm it. It is logged and cannot be changed; you can add another.
findings-document = SHA-256 of a document (optional)
findings-document-help = Maintenance records and process sheets stay with the factory; only their digest is logged: 64 of 0–9 and a–f.
findings-send = Log the explanation
findings-done-acknowledge = Logged: the factory has seen it.
findings-done-explain = The explanation is logged and stands beside its matter.
findings-text-missing = Write an explanation first.
findings-text-long = The explanation is too long: at most 8000 bytes.
findings-text-wrong = The explanation has control characters that cannot be shown; remove them and send it again.
findings-document-wrong = The digest of a document is a SHA-256: 64 of 0–9 and a–f. Leave it empty without a document.
findings-key-wrong = There is no such matter: its key does not belong to this rule, machine and time. Reload the page and try again.
findings-left-out = { $n ->
    [one] One more matter of the same kind is not listed.
   *[other] { $n } more matters of the same kinds are not listed.
 }
findings-unexamined = Definitions changed so often that { $time } was not examined.
findings-clear = Checked, nothing found
findings-clear-none = No check was made of this week.
findings-clear-words = { $n ->
    [one] One check was made of this week.
   *[other] { $n } checks were made of this week; these found nothing.
 }
findings-clear-hidden = { $n ->
    [one] One check was made of this week; it is listed once every matter is open.
   *[other] { $n } checks were made of this week; they are listed once every matter is open.
 }
findings-check = Check
findings-unchecked = Could not be checked
findings-unchecked-none = Every check had the data it needs.
findings-unchecked-words = These checks lack the data they need. They were not made, and so they say nothing either way.
findings-why-not = Why not
findings-whole-week = the whole week
findings-how = Who sees what first, and what it rests on
findings-order = The factory sees every matter first and can explain it. Others see it once the factory has acknowledged or explained it, or { $n } days after the factory was shown it, whatever an explanation says.
findings-order-factory = You read for the factory: opening this page is logged as the factory having been shown what is on it. Others see a matter once you have acknowledged or explained it, or { $n } days after it was shown, whatever an explanation says.
findings-prefix = Examined from the first { $prefix } leaves of the log; whoever holds the same log finds the same matters and the same order of events.
declared-explanation = Explanation of a matter to verify
declared-finding-shown = Matters to verify shown to the factory
declared-finding-acknowledged = Matter to verify acknowledged
parameter-days-min = days, at least
parameter-calendar-edge = distance from shift edges
parameter-chance-one-in = chance below one in
parameter-amounts-min = amounts, at least
parameter-amount-least = least amount counted
parameter-variance-min = variance, at least
parameter-group-of-ten-one-in-max = share of one group of ten, at most one in
parameter-chi2-critical = critical chi-squared
parameter-run-readings-min = readings in RUN, at least
parameter-rest-readings-min = readings outside RUN, at least
parameter-run-over-rest-min = RUN over rest, at least
parameter-nothing-one-in = no power below one in
parameter-stretch-min = stretch, at least
parameter-changes-min = changes, at least
parameter-follows-min = share that follows, at least
parameter-before = looks back
parameter-observed-min = observed, at least
parameter-fault-min = fault, at least
parameter-run-below = share of RUN below
parameter-rejects-min = rejects, at least
parameter-rejects-over-usual = times the usual rejects
parameter-gaps-min = gaps, at least
parameter-hours-min = hours, at least
parameter-silence-min = one silence, at least
parameter-silences-min = silences together, at least
parameter-readings-min = readings, at least
parameter-register-units-min = register units, at least
parameter-allowed = allowed difference
parameter-sampling-errors = times the sampling error
parameter-cut-at = piece, at most
parameter-day-energy-min = share of a day's energy, at least
parameter-share-change-max = change of the share, at most
parameter-steps-min = steps, at least
parameter-step-min = step, at least
parameter-others-max = others move, at most
parameter-shown-min = shown by the main meter, at least
parameter-hits-min = share of steps shown, at least
parameter-expected-changes-min = changes expected, at least
parameter-active-steps-min = active steps, at least
parameter-drawn-one-in = working above one in
parameter-readings = readings in a row
parameter-values-min = different values, at least
parameter-span-min = span, at least
parameter-planned-rate-max = of the planned rate, at most
parameter-spans-min = spans, at least
parameter-counts-min = counts, at least
parameter-off-min = OFF, at least
