# A demo shop, and one purchase in it, watched from hop to hop. Sourced, never run.
# shellcheck shell=bash

make_demo_site() {
    gatehouse site show demo >/dev/null 2>&1 || gatehouse site create demo --name "Demo" \
        --thrivecart-account demoshop --thrivecart-secret-file "$thrivecart_secret_file" >/dev/null ||
        fail "could not make the demo site"
    make_plan course "Sailing course" product-7
    make_plan cards "Knot cards" bump-7
    make_plan navigation "Coastal navigation" upsell-3
    make_plan weather "Weather for sailors" downsell-5
}

# make_plan PLAN NAME ITEM: what the sandbox sells, so that each of its items gives access to something.
make_plan() {
    [[ $(gatehouse plan list --site demo --json 2>/dev/null) == *"\"$1\""* ]] ||
        gatehouse plan create demo "$1" --name "$2" --item "$3" >/dev/null || fail "could not make the plan $1"
}

# Buys the course and the cards as a buyer nobody has seen yet; fails unless that buyer then has access.
play_purchase() {
    local began buyer order delivery
    began=$(now_milliseconds)
    buyer=buyer-$(date +%Y%m%d-%H%M%S)@example.com
    order=$(ask_sandbox POST orders "{\"email\":\"$buyer\",\"items\":[\"product-7\",\"bump-7\"]}" | jq -r .id) ||
        fail "the sandbox took no order"
    hop sandbox "order $order by $buyer: product-7, bump-7"

    within 30 was_delivered "$order" || fail "ingress did not accept the webhook: $(delivery_of "$order")"
    delivery=$(delivery_of "$order")
    hop ingress "accepted $(jq -r .event <<<"$delivery"): $(jq -r .status <<<"$delivery")$(job_of "$delivery")"

    within 30 has_access "$buyer" course || fail "fulfillment did not give $buyer access in 30 s"
    hop fulfillment "applied it; $(($(now_milliseconds) - began)) ms after the click"
    has_access "$buyer" cards || fail "$buyer has the course, but not the cards"
    hop member "$(gatehouse access --site demo "$buyer" course)"
}

# ask_sandbox METHOD PATH [BODY]: its JSON API.
ask_sandbox() {
    curl -sS --fail-with-body --max-time 10 -X "$1" -H 'Content-Type: application/json' ${3:+--data "$3"} \
        "http://127.0.0.1:$SANDBOX_PORT/api/$2"
}

delivery_of() {
    ask_sandbox GET "deliveries?order=$1" | jq -c '.deliveries[0] // {}'
}

was_delivered() {
    [ "$(delivery_of "$1" | jq '.status // 0')" = 200 ]
}

job_of() {
    jq -r '.answer // "" | (fromjson? // {}) | (.job // .id // empty) | ", job \(.)"' <<<"$1" 2>/dev/null
}

has_access() {
    gatehouse access --site demo "$1" "$2" >/dev/null 2>&1
}

now_milliseconds() { date +%s%3N; }
