#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: an account belongs to its owner. Sign-up and sign-in refuse
# what they should without telling who has an account, tokens rotate and end
# when they should, ten devices are the most, and nobody reaches anything of
# anyone else by its id.

source "$(dirname "$0")/../support/lib.sh"
source "$(dirname "$0")/../support/audio.sh"
source "$(dirname "$0")/../support/api.sh"

service_start

# --- sign-up ---------------------------------------------------------------------

step "sign-up refuses what is no address or no password"
ask_account() { # EMAIL-JSON PASSWORD-JSON
    api_json POST /v1/accounts "{\"email\":$1,\"password\":$2}"
}
GOOD='"correct horse 4 battery"'
for email in '""' '"nobody"' '"@example.org"' '"a@"' '"a b@example.org"' \
    '"a@b@c"' "\"$(printf 'x%.0s' {1..250})@example.org\"" '"a@ex\nample.org"'; do
    ask_account "$email" "$GOOD"
    check_problem "e-mail address $email" 400 bad_email
done
for email in null 5 '["a@example.org"]' '{}'; do
    ask_account "$email" "$GOOD"
    check_problem "e-mail address $email" 400 '[a-z_]+'
done
for password in '""' '"1234567"' "\"$(printf 'x%.0s' {1..257})\""; do
    ask_account '"new@example.org"' "$password"
    check_problem "password $password" 400 bad_password
done
api_json POST /v1/accounts '{"email":"new@example.org"}'
check_problem "no password" 400 '[a-z_]+'

step "an address has one account, however it is spelled"
sign_up owner@example.org
OWNER_ID=$(json .account_id)
ask_account '"owner@example.org"' "$GOOD"
expect_problem 409 email_taken
ask_account '"Owner@Example.ORG"' "$GOOD"
expect_problem 409 email_taken

# --- sign-in ---------------------------------------------------------------------

# RFC 6749 5.2: 400, and a code that says the grant was wrong; the same words
# for an unknown address and a wrong password.
expect_oauth_error() { # HTTP-STATUS CODE
    expect_status "$1"
    expect_match "code" "^($2)\$" "$(json '.error // .code')"
    expect_match "code of the problem" "^($2)\$" "$(json .code)"
}

step "a wrong password and an unknown address get the same answer"
ask_token grant_type=password username=owner@example.org \
    "password=wrong password" device_name=thief
expect_oauth_error 400 invalid_grant
known=$(jq -c '{type, title, status, detail, code}' "$BODY")
ask_token grant_type=password username=stranger@example.org \
    "password=wrong password" device_name=thief
expect_oauth_error 400 invalid_grant
expect_equal "answer for an unknown address" "$known" \
    "$(jq -c '{type, title, status, detail, code}' "$BODY")"

step "the token endpoint refuses forms that it does not know"
ask_token grant_type=client_credentials
expect_oauth_error 400 unsupported_grant_type
ask_token username=owner@example.org "password=$PASSWORD"
expect_oauth_error 400 invalid_request
ask_token grant_type=password username=owner@example.org
expect_oauth_error 400 'invalid_request'
ask_token grant_type=refresh_token refresh_token=rf_nonsense
expect_oauth_error 400 invalid_grant

step "an answer with tokens is complete and is not cached (RFC 6749 5.1)"
sign_in owner@example.org first
expect_json '.token_type | ascii_downcase' bearer
expect_json '.expires_in > 0 and .expires_in <= 3600' true
expect_json '[.access_token, .refresh_token, .device_id] | all(length > 0)' true
expect_header cache-control no-store
FIRST=$TOKEN FIRST_REFRESH=$REFRESH FIRST_DEVICE=$DEVICE_ID

step "a refresh token changes at each use; an old one ends the device's tokens"
ask_token grant_type=refresh_token "refresh_token=$FIRST_REFRESH"
expect_status 200
expect_equal "device after a refresh" "$FIRST_DEVICE" "$DEVICE_ID"
[ "$REFRESH" != "$FIRST_REFRESH" ] || die "the refresh token stayed the same"
SECOND=$TOKEN SECOND_REFRESH=$REFRESH
api GET /v1/me
expect_status 200
ask_token grant_type=refresh_token "refresh_token=$FIRST_REFRESH"
expect_oauth_error 400 invalid_grant
for TOKEN in "$SECOND" "$FIRST"; do
    api GET /v1/me
    expect_problem 401 invalid_token
done
ask_token grant_type=refresh_token "refresh_token=$SECOND_REFRESH"
expect_oauth_error 400 invalid_grant

step "an access token is no refresh token, nor the other way round"
sign_in owner@example.org second
access=$TOKEN refresh=$REFRESH
ask_token grant_type=refresh_token "refresh_token=$access"
expect_oauth_error 400 invalid_grant
TOKEN=$refresh
api GET /v1/me
expect_problem 401 invalid_token
TOKEN=$access
api GET /v1/me
expect_status 200

# --- devices ---------------------------------------------------------------------

step "ten devices, the eleventh is refused, a removed one makes room at once"
api GET /v1/devices
expect_status 200
for ((i = $(json '.devices | length'); i < 10; i++)); do
    sign_in owner@example.org "device $i"
    LAST=$TOKEN LAST_DEVICE=$DEVICE_ID
done
ask_token grant_type=password username=owner@example.org \
    "password=$PASSWORD" device_name=eleventh
expect_problem 409 device_limit
TOKEN=$access
api GET /v1/devices
expect_json '.devices | length' 10
expect_json '[.devices[] | select(.this)] | length' 1
expect_json '[.devices[] | .name != null and .last_seen_at != null] | all' true
expect_json "[.devices[] | select(.id == \"$LAST_DEVICE\")] | length" 1
api DELETE "/v1/devices/$LAST_DEVICE"
expect_match "status of DELETE" '^20[04]$' "$STATUS"
TOKEN=$LAST
api GET /v1/me
expect_problem 401 invalid_token
expect_header www-authenticate '^Bearer'
sign_in owner@example.org "in its place"
TOKEN=$access
api DELETE "/v1/devices/$LAST_DEVICE"
expect_problem 404 no_device

# --- no token --------------------------------------------------------------------

step "without a good token there is nothing"
TOKEN=
for path in /v1/me /v1/library /v1/devices '/v1/library/changes?since=0' \
    /v1/tracks/trk_1/audio /v1/uploads/upl_1; do
    api GET "$path"
    check_problem "GET $path without a token" 401 '[a-z_]+'
    [[ $(header www-authenticate) =~ ^Bearer ]] ||
        problem "GET $path: 401 without WWW-Authenticate (RFC 9110 11.6.1)"
done
for value in 'Bearer' 'Bearer ' 'Bearer x' "Basic $(echo -n a:b | base64)" \
    "Bearer $access x" "bearer$access" "Bearer rf_${OWNER_ID}.AAAA" \
    "Bearer rf_.${access#*.}" "Bearer $(printf 'x%.0s' {1..3000})" \
    "Bearer rf_../../x.y"; do
    api GET /v1/me -H "Authorization: $value"
    check_problem "Authorization: ${value:0:60}" 401 '[a-z_]+'
done
api GET "/v1/me?access_token=$access"
check_problem "a token in the query" 401 '[a-z_]+'

# --- other people's ids -----------------------------------------------------------

step "what is another's does not exist"
TOKEN=$access
upload_expect "$(clip_short 201)" uploaded no_candidate
MINE_TRACK=$TRACK_ID MINE_UPLOAD=$UPLOAD_ID
api GET /v1/devices
MINE_DEVICE=$(json '.devices[] | select(.this) | .id')
new_subscriber other@example.org
while read -r method path code; do
    api "$method" "$path"
    check_problem "another's $method $path" 404 "$code"
done <<EOT
GET /v1/uploads/$MINE_UPLOAD no_upload
GET /v1/tracks/$MINE_TRACK/audio no_track
GET /v1/tracks/$MINE_TRACK/why no_track
DELETE /v1/tracks/$MINE_TRACK no_track
POST /v1/tracks/$MINE_TRACK/restore no_track
DELETE /v1/devices/$MINE_DEVICE no_device
EOT
api HEAD "/v1/tracks/$MINE_TRACK/audio"
expect_status 404
api GET /v1/library
expect_json '.tracks | length' 0
TOKEN=$access
fetch_audio "$MINE_TRACK" "$WORK/mine"
expect_same_bytes "my song after strangers tried" "$(clip_short 201)" "$WORK/mine"

step "the same song of two people is each one's own"
sign_in other@example.org
upload_expect "$(clip_short 201)" uploaded no_candidate
[ "$TRACK_ID" != "$MINE_TRACK" ] || die "two accounts share a track id"

# --- subscription --------------------------------------------------------------------

step "a new account is on trial; a grant makes it active"
api GET /v1/me
expect_json .subscription.state trial
expect_json .subscription.until \
    "$(date -u -d '+30 days' +%Y-%m-%d)$(json .subscription.until | cut -c11-)"
admin account grant other@example.org --until 2091-01-01 >"$WORK/grant" 2>&1 ||
    die "account grant failed: $(cat "$WORK/grant")"
api GET /v1/me
expect_json .subscription.state active
expect_json '.subscription.until[0:10]' 2091-01-01
service_stop

step "a lapsed account keeps its own, but neither adds nor hears the catalog's"
cat >"$WORK/lapsed.conf" <<'EOT'
trial_days = 0
grace_days = 0
EOT
service_start --config "$WORK/lapsed.conf"
make_release "$WORK/release" 1
load_catalog "$WORK/release"
new_subscriber lapsed@example.org
api GET /v1/me
expect_json .subscription.state lapsed
upload "$(clip_short 202)"
expect_problem 403 subscription_lapsed
admin account grant lapsed@example.org --until 2091-01-01 >/dev/null
upload_expect "$(clip_short 202)" uploaded no_candidate
OWN=$TRACK_ID
upload_expect "$(clip_mp3 1 128)" matched matched
MATCHED=$TRACK_ID
fetch_audio "$MATCHED" "$WORK/heard"
admin account grant lapsed@example.org --until 2001-01-01 >/dev/null
api GET /v1/me
expect_json .subscription.state lapsed
api GET "/v1/tracks/$MATCHED/audio"
expect_problem 403 subscription_lapsed
fetch_audio "$OWN" "$WORK/heard"
expect_same_bytes "own song of a lapsed account" "$(clip_short 202)" "$WORK/heard"
api GET /v1/library
expect_json '.tracks | length' 2
api GET "/v1/tracks/$MATCHED/why"
expect_status 200
api DELETE "/v1/tracks/$MATCHED"
expect_match "status of DELETE" '^20[04]$' "$STATUS"
service_stop

step "sign-up can be closed; the operator can still add accounts"
echo "signup = closed" >"$WORK/closed.conf"
service_start --config "$WORK/closed.conf"
TOKEN=
ask_account '"late@example.org"' "$GOOD"
expect_problem 403 signup_closed
echo "$PASSWORD" | admin account add late@example.org --password-stdin \
    >"$WORK/add" 2>&1 || die "account add failed: $(cat "$WORK/add")"
sign_in late@example.org
api GET /v1/me
expect_status 200
service_stop
