# A demo shop, and one purchase in it, watched from hop to hop. Sourced, never run.
# shellcheck shell=bash

make_demo_site() {
    step "Making a demo site"
    gatehouse site create demo --name Demo --thrivecart-account demoshop \
        --thrivecart-secret-file "$thrivecart_secret_file" --if-missing >/dev/null ||
        fail "could not make the demo site"
    echo sandbox-api-key | gatehouse site update demo --thrivecart-api-key-file - >/dev/null ||
        fail "could not keep the API key of the demo site"
    make_plan course "Sailing course" product-7
    make_plan cards "Knot cards" bump-7
    make_plan navigation "Coastal navigation" upsell-3
    make_plan weather "Weather for sailors" downsell-5
}

# make_plan PLAN NAME ITEM: what the sandbox sells, so that each of its items gives access to something.
make_plan() {
    gatehouse plan create "$1" --site demo --name "$2" --item "$3" --if-missing >/dev/null ||
        fail "could not make the plan $1"
    detail "$3 opens the plan $1"
}

# Buys the course and the cards as a buyer nobody has seen yet; fails unless that buyer then has access to both.
play_purchase() {
    local began buyer order access job
    began=$(now_milliseconds)
    buyer=buyer-$(date +%Y%m%d-%H%M%S)@example.com
    order=$(ask_sandbox POST orders "{\"email\":\"$buyer\",\"items\":[\"product-7\",\"bump-7\"]}" | jq -r .id) ||
        fail "the sandbox took no order"
    hop sandbox "order $order by $buyer: product-7, bump-7"

    within 30 was_delivered "$order" || give_up "the ingress did not accept the webhook" "$log_folder/services.log"
    job=$(logged "webhook received" .job)
    hop ingress "$(delivery_of "$order" | jq -r '"\(.event) from the sandbox: \(.status)"'), job ${job:0:24}…"

    access=$(gatehouse access "$buyer" course --site demo --wait 30s) ||
        give_up "$buyer has no access after 30 s" "$log_folder/services.log"
    hop fulfillment "job ${job:0:24}… $(applied_in "$job" "$began"): order $order is $(event_of "$order" .status)"

    gatehouse access "$buyer" cards --site demo >/dev/null || fail "$buyer has the course, but not the cards"
    hop member "$(head -n 1 <<<"$access")"
    detail "$(sed -n '2s/^ */              /p' <<<"$access")"
}

# ask_sandbox METHOD PATH [BODY]: its JSON API.
ask_sandbox() {
    curl -sS --noproxy '*' --fail-with-body --max-time 10 -X "$1" \
        -H 'Content-Type: application/json' ${3:+--data "$3"} "http://127.0.0.1:$SANDBOX_PORT/api/$2"
}

delivery_of() {
    ask_sandbox GET "deliveries?order=$1" | jq -c '.deliveries[0] // {}'
}

was_delivered() {
    [ "$(delivery_of "$1" | jq '.status // 0')" = 200 ]
}

# logged MESSAGE FILTER: what the processes said last with these words, by a filter of jq.
logged() {
    sed -n 's/^[^|]*| //p' "$log_folder/services.log" |
        jq -rR "fromjson? | select(.message == \"$1\") | $2 // empty" | tail -n 1
}

# applied_in JOB BEGAN: when fulfillment was done with it, after the click.
applied_in() {
    local done
    done=$(logged "event applied" "select(.job == \"$1\") | .timestamp")
    [ -z "$done" ] || echo "applied $(($(date -d "$done" +%s%3N) - $2)) ms after the click"
}

# event_of ORDER FILTER: what fulfillment made of the order's event, by a filter of jq.
event_of() {
    gatehouse events list --site demo --order "$1" --json | jq -r "(.events[0] // {}) | $2"
}

now_milliseconds() { date +%s%3N; }
