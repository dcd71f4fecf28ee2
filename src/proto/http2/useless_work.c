/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The account itself: integers between empty and full. Nothing is ever owed: the connection ends
 * with the first charge that cannot be paid, and what is earned above full is lost, so that no
 * peer can save up for a flood.
 */
#include "proto/http2/useless_work.h"

enum { MS_PER_TOKEN = 1000 / SHOAL__USELESS_PER_SECOND };

static const uint8_t costs[USELESS_KINDS] = {
#define COST(NAME, cost, meaning) [USELESS_##NAME] = (cost),
    SHOAL_USELESS_WORK_TABLE(COST)
#undef COST
};

void shoal__useless_work_init(struct shoal__useless_work *work, int64_t now_ms)
{
    *work =
        (struct shoal__useless_work){.balance = SHOAL__USELESS_BALANCE_MAX, .refilled_ms = now_ms};
}

bool shoal__useless_work_charge(struct shoal__useless_work *work, enum shoal__useless_kind kind)
{
    work->counts[kind]++;
    work->balance -= costs[kind];
    if (work->balance > 0)
        return true;
    work->balance = 0;
    return false;
}

void shoal__useless_work_earn(struct shoal__useless_work *work, int32_t tokens)
{
    work->balance += tokens;
    if (work->balance > SHOAL__USELESS_BALANCE_MAX)
        work->balance = SHOAL__USELESS_BALANCE_MAX;
}

void shoal__useless_work_earn_bytes(struct shoal__useless_work *work, size_t bytes)
{
    size_t moved = work->bytes + bytes;
    work->bytes = (uint32_t)(moved % SHOAL__USELESS_BYTES);
    size_t tokens = moved / SHOAL__USELESS_BYTES;
    if (tokens > SHOAL__USELESS_BALANCE_MAX)
        tokens = SHOAL__USELESS_BALANCE_MAX;
    shoal__useless_work_earn(work, (int32_t)tokens);
}

void shoal__useless_work_refill(struct shoal__useless_work *work, int64_t now_ms)
{
    int64_t tokens = (now_ms - work->refilled_ms) / MS_PER_TOKEN;
    if (tokens <= 0)
        return;
    work->refilled_ms += tokens * MS_PER_TOKEN;
    if (tokens > SHOAL__USELESS_BALANCE_MAX)
        tokens = SHOAL__USELESS_BALANCE_MAX;
    shoal__useless_work_earn(work, (int32_t)tokens);
}

const char *shoal__useless_work_name(enum shoal__useless_kind kind)
{
    static const char *const names[USELESS_KINDS] = {
#define NAME_OF(NAME, cost, meaning) [USELESS_##NAME] = (meaning),
        SHOAL_USELESS_WORK_TABLE(NAME_OF)
#undef NAME_OF
    };
    return names[kind];
}
