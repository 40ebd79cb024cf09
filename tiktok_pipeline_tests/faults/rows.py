"""The fault matrix as data: a row is a fault, how it is injected, and what is promised."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass

from tiktok_pipeline_tests.faults import answers, databases, disk, events, kills, past, scheduler, systems
from tiktok_pipeline_tests.faults.answers import LIST, answered
from tiktok_pipeline_tests.faults.databases import cut_connections
from tiktok_pipeline_tests.faults.kills import killed_at
from tiktok_pipeline_tests.faults.world import ACCOUNTS, World

DOWN = "provider_down"
ODD = "malformed"


@dataclass(frozen=True)
class Row:
    """One row: `inject` returns how often the fault hit; `variants` is how many seeds go through all its forms.

    `before` prepares the world before its accounts are connected. `quick`: part of the ordinary tests.
    """

    number: str
    fault: str
    promise: str
    inject: Callable[[World], int]
    variants: int = 1
    before: Callable[[World], None] | None = None
    quick: bool = False
    accounts: int = ACCOUNTS
    own_server: bool = False


ROWS = (
    Row("1", "killed before the plan, or after half of it", "planned again; nothing twice",
        killed_at({"before_plan": 2, "half_planned": 2}), 2),
    Row("2", "killed after claiming, before a request", "the lease ends, another worker does it",
        killed_at({"claimed": 2}), 1),
    Row("3", "killed between two pages", "goes on at the page it had reached",
        killed_at({"page_landed": 8}), 1, quick=True),
    Row("4", "killed with an answer in hand", "that page is asked for again",
        killed_at({"page_answered": 12}), 1),
    Row("5", "killed within a transaction", "all of it or nothing",
        killed_at({"derived": 4}), 1, quick=True),
    Row("5b", "killed while PostgreSQL lands its page", "all of it or nothing",
        kills.killed_within_a_statement),
    Row("6", "killed after the commit", "done again, it changes nothing",
        killed_at({"last_page_landed": 8, "derive_committed": 4}), 2),
    Row("7", "killed after writing an event, before or after it is sent", "sent afterwards; its effect once",
        events.killed_while_delivering, 2, quick=True),
    Row("8", "killed at each of nine steps of a refresh", "six recover by themselves, three ask for a reconnect",
        kills.killed_while_refreshing, 9),
    Row("9", "the scheduler is killed at each of six steps of the tick at 02:00", "one run, one capture, no tick lost",
        scheduler.killed_in_a_tick("daily_at_two"), 6),
    Row("9b", "the same, at the tick that catches up", "one run, one capture, no tick lost",
        scheduler.killed_in_a_tick("catch_up"), 6),
    Row("10", "SIGTERM in the middle", "ends in order within 30 s, gives everything back", kills.told_to_end),
    Row("11", "one account kills three workers", "isolated as poison, the others go on", kills.three_deaths),
    Row("12", "500, 502, 503, 504", "tried twice, failed for now, captured later",
        answered({"internal_error": {"endpoint": LIST}},
                 *({"html_error": {"status": code, "endpoint": LIST}} for code in (502, 503, 504)),
                 {"internal_error": {"endpoint": LIST, "times": 1}},
                 then=(DOWN, None)), 5),
    Row("13", "429 with and without Retry-After", "everybody waits, nothing fails", answers.paused_by_429, 2),
    Row("14", "401: the access token is refused", "one refresh; a second refusal asks for a reconnect",
        answers.flagged_after_a_second_refusal, 2, quick=True),
    Row("15", "401: a scope was not granted", "fails as scope_missing, nobody is disconnected",
        answered({"scope_refused": {"endpoint": LIST}}, then=("scope_missing",)), 1),
    Row("16", "200 with an error in it", "that error, no data",
        answered({"error_code": {"endpoint": LIST}}, {"error_code": {"endpoint": LIST, "code": "invalid_params"}},
                 then=(DOWN, ODD)), 2),
    Row("17", "no connection, no such name, no TLS", "failed for now, captured later", answers.unreachable, 3),
    Row("18", "silence, headers and silence, one byte a second", "given up at the deadline",
        answered({"silence": {"at": "headers", "endpoint": LIST}}, {"silence": {"at": "request", "endpoint": LIST}},
                 {"drip": {"bytes_per_second": 1, "endpoint": LIST}}, then=(DOWN,), timeout_seconds=0.7), 3),
    Row("19", "cut in the middle, half a JSON, a wrong length", "never used in part",
        answered({"drop": {"at": "body", "reset": True, "endpoint": LIST}},
                 {"truncated_json": {"endpoint": LIST}}, {"wrong_length": {"by": 100, "endpoint": LIST}},
                 {"drop": {"at": "answer", "endpoint": LIST, "times": 1}}, then=(DOWN, ODD, None)), 4, quick=True),
    Row("20", "a body of 30 MB, a gzip bomb, JSON 10,000 deep", "refused as malformed, with a bounded body",
        answered({"gzip_bomb": {"megabytes": 200, "endpoint": LIST}}, {"oversize": {"megabytes": 30, "endpoint": LIST}},
                 {"deep_json": {"endpoint": LIST}}, then=(ODD,)), 3),
    Row("21", "HTML with 200, an empty body", "no data",
        answered({"html_ok": {"endpoint": LIST}}, {"empty_body": {"endpoint": LIST}}, then=(ODD,)), 2),
    Row("22", "pages that overlap, short and empty pages", "every video once",
        answered({"overlap": {"videos": 3}}, {"short_pages": {"size": 7}}, {"empty_pages": {}}, then=(None,)), 3,
        quick=True),
    Row("23", "a cursor that stands or loops", "stopped, malformed",
        answered({"stuck_cursor": {}}, {"cursor_loop": {}}, then=(ODD,)), 2),
    Row("23b", "a list that never ends (the cap of 2,000 pages lowered to 30)", "stopped at the cap, malformed",
        answers.endless),
    Row("24", "the cursor is refused in the middle", "the account-day starts over",
        answered({"error_code": {"endpoint": LIST, "code": "invalid_params", "status": 400, "after": 1}}, then=(ODD,))),
    Row("25", "videos vanish between two pages", "captured with what was served", answers.vanishes_between_pages),
    Row("26", "counters that are none: 2^63, 1e30, 0.5, a text, null, missing, negative", "NULL, never zero; the page as it came",
        answered(*({"counters": {"value": value, "fields": ["view_count"], "endpoint": LIST}} for value in
                   ("2^63", "1e30", "float", "string", "null", "missing", "negative")), then=(None,),
                 check=answers.counters_are_null("view_count"), afresh=True), 7, quick=True),
    Row("27", "counters fall by 40 %", "kept as TikTok said", answered(
        {"extra_fields": {"endpoint": LIST}}, then=(None,), check=answers.falls_are_kept, afresh=True)),
    Row("28", "a NUL in texts", "U+FFFD in its place", answered(
        {"texts": {"content": "nul", "endpoint": LIST}}, then=(None,), check=answers.texts_have_no_nul)),
    Row("29", "half an emoji; NaN and Infinity", "U+FFFD; malformed", answered(
        {"texts": {"content": "surrogate", "endpoint": LIST}}, {"counters": {"value": "NaN", "endpoint": LIST}},
        {"counters": {"value": "Infinity", "endpoint": LIST}}, then=(None, ODD)), 3),
    Row("30", "captions of 10,000 signs, emoji, right-to-left", "stored as they are",
        answered({"texts": {"content": "long", "endpoint": LIST}}, then=(None,))),
    Row("31", "unknown, missing and renamed fields", "kept in the page; NULL, never zero",
        answered({"renamed_fields": {"endpoint": LIST}}, {"missing_fields": {"fields": ["view_count"], "endpoint": LIST}},
                 then=(None,), check=answers.counters_are_null("view_count"), afresh=True), 2),
    Row("32", "PostgreSQL restarts (fast), twice", "the run goes on", databases.restarted(signal.SIGINT), 2,
        quick=True),
    Row("32b", "PostgreSQL restarts (immediate), twice", "the run goes on; what was committed is there",
        databases.restarted(signal.SIGQUIT), 2),
    Row("32c", "all its connections are cut, twice", "the run goes on", databases.disconnected, 2),
    Row("33", "read-only for 2 s, as in a failover", "the run waits", databases.read_only),
    Row("34", "deadlocks and serialization failures", "the statement or transaction is repeated",
        databases.conflicts, 2),
    Row("35", "a migration's lock and a long query", "delayed, not failed", databases.locked_out),
    Row("36", "the disk is full", "nothing is lost; it goes on when there is room", disk.full, 2, own_server=True),
    Row("37", "all connections of the pool are taken", "waits for one", databases.pool_exhausted),
    Row("38", "partitions are missing", "made again, three months ahead", databases.partitions_missing),
    Row("39", "Redis is away, wiped, full, or 2 s late", "the day is captured; every event comes, its effect once",
        events.redis_fails, 4),
    Row("40", "RabbitMQ is killed, or wiped; a message comes twice", "the day is captured; every event comes, its effect once",
        events.rabbitmq_fails, 2),
    Row("41", "two workers for one day at once", "every page asked for once", kills.two_at_once, quick=True),
    Row("41b", "a worker freezes longer than its lease", "another takes over; the first writes nothing",
        kills.frozen_past_its_lease),
    Row("42", "the worker's clock is an hour off", "the database's clock decides", systems.app_clock_shifted, 2,
        quick=True),
    Row("42b", "the database's clock jumps by an hour or a day", "one state a day",
        systems.database_clock_jumps, 3, systems.at_noon),
    Row("43", "days of 23, 25, 23.5, 24.5 h; zones at :30 and :45", "one unit a local date",
        systems.clocks_change, 6, systems.before_a_change),
    Row("44", "midnight in the middle of a capture", "finished under its date, or a gap",
        systems.midnight_comes, 1, systems.just_before_midnight),
    Row("45", "accounts connected, disabled, deleted meanwhile", "their own matter", systems.accounts_come_and_go),
    Row("46", "a past year is asked for", "gaps, no request; back-dating is refused", systems.asked_for_the_past),
    Row("47", "columns and an index are added while workers run", "the older code goes on",
        systems.deployed_meanwhile),
    Row("48", "the key ring is missing at the start", "ends before it takes work", systems.keys_missing),
    Row("49", "killed while days are sealed", "the chain has each day once; verify passes",
        past.killed_while("seal", past.SEALING), 3, past.before_the_past, quick=True),
    Row("49b", "PostgreSQL restarts while days are sealed", "the chain has each day once; verify passes",
        past.cut_while("seal", "capture.manifest", past.restarted_at_once), 2, past.before_the_past),
    Row("50", "killed at each step of writing an archive", "the same command goes on; the pages are those of the chain",
        past.killed_while("archive", past.WRITING), 5, past.before_the_past),
    Row("50b", "killed at each step of dropping a month", "the same command goes on; no page is lost",
        past.killed_while("drop", past.DROPPING), 5, past.before_the_past),
    Row("50c", "the archive's disk is full, or it is no folder", "refused; nothing is logged, nothing is dropped",
        past.archive_cannot_be_written, 2, past.before_the_past),
    Row("51", "killed while history is imported", "the same command goes on; nothing twice",
        past.killed_while("import", past.IMPORTING), 3, past.before_the_past),
    Row("51b", "connections are cut while history is imported", "the same command goes on; nothing twice",
        past.cut_while("import", "capture.imported", cut_connections), 1, past.before_the_past),
    Row("52", "killed while everything is rebuilt", "the same command derives what was there before",
        past.killed_while("rebuild", past.REBUILDING), 3, past.before_the_past),
    Row("53", "killed while a store is deleted", "all of it or nothing; verify passes",
        past.killed_while("delete", past.DELETING), 3, past.before_the_past),
)  # fmt: skip
