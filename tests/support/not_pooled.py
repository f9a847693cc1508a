"""What cannot hold behind a PgBouncer, and why: the tests that TREK_TEST_POOLER skips."""

from __future__ import annotations

_LAID = "run/test_failure_messages.py::test_a_failure_is_laid_at_its_statement"
_SEVERAL = "run/test_several_in_one_query.py::test"
_PLAN = "run/test_one_transaction.py::test"
_CANCEL = "run/test_cancellation.py::test_a"
_CANCELLED = (
    *(f"cancelled_migration_is_stopped_on_the_server_and_leaves_a_usable_connection[{times}-" for times in (1, 2, 5)),
    "migration_that_fails_leaves_a_usable_connection[",
    "migration_that_works_leaves_a_usable_connection[",
)
_LOST = "what is lost is the pooler's session, and the test ends its own"
_NO_POSITION = (
    "undefined column in DDL",
    "unique violation",
    "not-null violation",
    "check violation",
    "division by zero",
    "cast at run time",
    "table exists",
    "ALTER finds NULLs",
    "unique index on duplicates",
    "DO block",
    "statement timeout",
    "lock timeout",
)

NOT_POOLED: dict[str, tuple[str, ...]] = {
    "it has a PgBouncer of its own": ("run/test_pooler.py",),
    "what runs outside a transaction is refused": (
        "run/test_log.py::test_every_migration_is_told_with_its_fields",
        "run/test_rolled_back.py::test_outside_a_transaction_the_row_that_failed_says_why",
        "run/test_uvloop.py",
        "run/test_outside_a_transaction.py",
        "run/test_resuming.py",
        "run/test_resuming_certain.py",
        "run/test_resuming_claims.py",
        "run/test_resuming_edited.py",
        "run/test_race.py",
        "run/test_settings.py::test_settings_made_outside_a_transaction_are_put_back_too",
        "run/test_settings.py::test_another_role_outside_a_transaction_does_the_work_and_the_caller_writes_the_history",
        "run/test_big_files.py::test_copy_data_and_statements_of_a_big_file[-- trek: no-transaction",
        "run/test_big_files.py::test_a_failing_statement_outside_a_transaction_is_named_too",
        "run/test_callers_transaction.py::test_a_plan_made_inside_can_be_carried_out_outside",
        "run/test_copy.py::test_the_data_of_a_copy_arrive_to_the_character[-- trek: no-transaction",
        "run/test_copy.py::test_a_failure_outside_a_transaction_names_the_row_too",
        "run/test_gluing.py::test_the_files_around_it_mean_what_they_say[each-what no transaction block takes",
        "run/test_groups.py::test_a_run_of_all_kinds_keeps_the_order_of_the_plan",
        "run/test_lock_timeouts.py::test_outside_a_transaction_nothing_is_tried_again",
        "run/test_observers.py::test_the_events_of_a_run_come_in_their_order",
        "run/test_script.py::test_no_script_is_made_of_python_and_what_to_do_instead_leads_to_the_head[no_transaction",
        "run/test_script_traps.py::test_everything_that_trek_knows_goes_up_and_down_by_psql",
        "run/test_script_traps.py::test_what_trek_does_and_what_psql_does_are_the_same_rows_in_the_history",
        "run/test_targets.py::test_a_database_with_implicit_casts_to_text_is_migrated",
        *(f"{_CANCEL}_{test}{kind} outside a transaction" for test in _CANCELLED for kind in ("sql", "python")),
    ),
    "there is no session lock": (
        "run/test_log.py::test_who_waits_for_the_lock_says_who_has_it_and_a_cancellation_is_told",
        f"{_CANCEL}_cancelled_wait_for_the_lock_changes_nothing",
        "run/test_settings.py::test_the_caller_does_not_see_what_a_function_set",
        "run/test_lock.py",
        "run/test_callers_transaction.py::test_the_lock_is_held_until_the_callers_transaction_ends",
    ),
    "no marker names a statement for which the server has no position": (
        "run/test_prepared.py::test_and_if_it_fails_its_statement_is_named",
        "run/test_prepared.py::test_an_error_that_a_function_catches_moves_no_mark_back",
        *(f"{_LAID}[{kind}" for kind in _NO_POSITION),
        "run/test_failure_messages.py::test_the_message_of_a_statement_in_the_middle_of_300_lines",
        "run/test_failure_messages.py::test_a_failure_of_the_way_down_names_its_line_and_says_reverting",
        f"{_CANCEL}_timeout_of_the_connection_is_a_failure_that_was_rolled_back",
        "run/test_guard.py::test_a_unique_violation_of_the_body_is_the_bodys_own",
        "run/test_lock_timeouts.py::test_when_patience_ends_it_fails_and_nothing_remains",
        "run/test_lock_timeouts.py::test_while_the_kth_waits_those_before_it_are_committed",
        f"{_SEVERAL}_what_was_before_is_done_and_the_failure_is_laid_where_it_belongs[error without a position",
        f"{_SEVERAL}_what_was_before_is_done_and_the_failure_is_laid_where_it_belongs[unique violation",
        f"{_SEVERAL}_an_error_that_runs_comes_before_one_that_cannot_be_parsed",
        f"{_SEVERAL}_a_deadlock_is_laid_at_the_statement_that_waited",
        f"{_SEVERAL}_a_lock_timeout_holds_for_its_own_migration",
        f"{_SEVERAL}_a_way_down_goes_together_too",
        f"{_SEVERAL}_the_sessions_statement_timeout_is_each_statements",
        f"{_PLAN}_a_failure_is_laid_at_its_migration_file_and_line_and_nothing_remains[error without a position",
        f"{_PLAN}_the_way_down_is_one_transaction_too",
        f"{_PLAN}_in_the_callers_transaction_a_failure_leaves_what_the_caller_did",
    ),
    "each migration goes alone, so that queries and round trips are more": (
        "run/test_prepared.py::test_what_the_history_is_told_is_prepared_once_a_query",
        "run/test_row_lock.py::test_the_row_costs_one_round_trip_and_giving_it_up_none",
        "run/test_trusted_history.py::test_a_row_that_is_written_behind_the_body_is_no_prey_of_it",
        "run/test_groups.py::test_a_value_of_an_enum_may_be_used_by_the_next_one",
        "run/test_groups.py::test_marks_in_the_history_share_a_query_and_took_no_time",
        "run/test_groups.py::test_round_trips_of_small_migrations",
        "run/test_groups.py::test_while_the_server_works_on_a_query_the_next_one_is_made",
        f"{_SEVERAL}_all_of_them_are_done_in_order_and_say_what_was_measured",
        f"{_PLAN}_round_trips_are_those_of_one_migration_and_one_more_for_every_hundred",
    ),
    "who is in the way cannot be told": (
        "run/test_blockers.py",
        "run/test_log.py::test_a_table_that_is_locked_is_a_warning_with_who_has_it",
    ),
    "what is a session's (temporary tables, prepared statements, channels) is not put back": (
        "run/test_as_it_was_given.py",
    ),
    _LOST: (
        "run/test_row_lock.py::test_a_run_whose_session_is_lost_leaves_no_row",
        "run/test_row_lock.py::test_the_row_of_a_lost_session_stays_while_the_server_works_for_it",
        "run/test_several_at_any_moment.py::test_its_server_process_ended_at_random_moments",
        "run/test_lost_server.py",
        "run/test_guard.py::test_what_fails_while_it_looks_again_says_what_the_run_has_done_before[the session is lost",
        "run/test_lock_timeouts.py::test_a_session_that_dies_while_it_waits_is_not_tried_again",
        f"{_SEVERAL}_of_a_lost_connection_nothing_is_claimed_and_a_later_run_is_right",
        f"{_PLAN}_a_connection_lost_with_the_commit_leaves_it_unknown",
        f"{_PLAN}_where_the_answer_to_the_commit_was_lost_the_whole_plan_is_found",
    ),
    "this PgBouncer logs in with one role, whoever asks": (
        "run/test_row_lock.py::test_making_the_table_needs_the_right_to",
        "run/test_callers_transaction.py::test_a_failed_read_of_the_history_leaves_the_callers_transaction_usable",
        "run/test_refused_sessions.py::test_a_role_without_create_is_refused_and_nothing_is_written",
        "run/test_refused_sessions.py::test_a_role_without_insert_on_the_history_is_refused_and_nothing_is_written",
        "run/test_refused_sessions.py::test_a_role_without_select_is_told_what_to_grant",
        "run/test_targets.py::test_a_server_that_does_not_tell_its_identity_is_migrated_all_the_same",
        "run/test_targets.py::test_a_user_who_may_not_write_the_history_is_told_what_to_grant",
        "run/test_targets.py::test_a_user_who_may_not_make_the_history_is_told_what_to_grant",
        "run/test_trusted_history.py::test_rows_hidden_by_row_security_are_an_error_not_an_empty_history",
    ),
    "PgBouncer refuses that setting of a connection's begin": (
        "run/test_refused_sessions.py::test_up_to_date_needs_only_select_and_writes_nothing",
        "run/test_script_traps.py::test_it_is_utf8_and_strings_are_the_standards_whatever_the_session_says",
    ),
    "it drops or copies a database in which the pooler has a session": (
        "run/test_pinned_identity.py",
        "run/test_targets.py::test_a_clone_is_told_from_what_it_was_cloned_from",
        f"{_SEVERAL}_text_that_the_servers_encoding_lacks_is_laid_at_its_migration",
        f"{_PLAN}_text_that_the_servers_encoding_lacks_is_laid_at_its_file",
    ),
    "psql leaves its settings in the session that it shares": (
        "run/test_trusted_history.py::test_a_dumped_and_restored_history_goes_on_where_it_was",
    ),
    "it is about a Unix socket, and the pooler is reached by TCP": (
        "run/test_copy.py::test_the_room_of_a_unix_socket_is_as_it_was",
    ),
    "40 MB through one more process measure nothing": (
        "run/test_big_files.py::test_40_mb_take_no_more_than_24_mb_of_the_client_and_little_of_the_server",
    ),
}
"""By the reason: files, tests, or those whose parameters begin so, below `tests`. What holds in one mode holds in the other:
trek goes by the process number, which differs in both."""

HOLDS = (
    "run/test_as_it_was_given.py::test_a_cached_select_star_sees_the_table_and_its_types_as_they_are_now",
    "run/test_as_it_was_given.py::test_a_custom_setting_that_was_not_there_is_empty_afterwards",
    "run/test_as_it_was_given.py::test_in_the_callers_transaction_too",
    "run/test_as_it_was_given.py::test_the_callers_cached_statements_go_on_working",
    "run/test_blockers.py::test_a_migration_that_takes_long_and_waits_for_nobody_opens_no_second_connection",
    "run/test_blockers.py::test_an_autovacuum_is_waited_for_until_the_server_ends_it",
    "run/test_lock.py::test_a_lock_held_by_somebody_else_stops_no_look_and_no_run_without_work",
    "run/test_lock.py::test_migrations_of_two_histories_do_not_wait_for_each_other",
    "run/test_lock.py::test_the_lock_timeout_of_a_file_bounds_its_wait_for_the_guard",
    "run/test_lock.py::test_the_lock_timeout_of_a_python_file_bounds_its_wait",
    "run/test_lost_server.py::test_after_kill_9_of_a_python_migration_it_runs_again",
    "run/test_outside_a_transaction.py::test_a_squash_that_counts_as_applied_is_reverted_with_all_that_it_replaces",
    "run/test_pinned_identity.py::test_a_store_that_keeps_no_identity_says_so",
    "run/test_pinned_identity.py::test_a_table_without_the_column_is_read_and_gets_it_with_the_next_row",
    "run/test_pinned_identity.py::test_an_owner_who_adds_the_column_between_the_look_and_the_row_is_no_failure",
    "run/test_pinned_identity.py::test_of_many_runners_that_add_the_column_at_once_one_does_and_the_others_lose",
    "run/test_pinned_identity.py::test_rows_that_name_none_do_not_hide_the_newest_that_does",
    "run/test_pinned_identity.py::test_the_first_run_pins_the_database_in_every_row",
    "run/test_resuming_certain.py::test_what_a_session_took_with_it_is_asked_for",
    "run/test_resuming_claims.py::test_a_plan_that_would_do_again_what_was_shown_as_done_is_outdated",
    "run/test_resuming_claims.py::test_a_run_that_stood_still_can_neither_go_on_nor_end",
    "run/test_resuming_claims.py::test_of_two_that_resume_without_a_lock_one_goes_on",
)
"""Tests of those files that do not need what a pooler lacks."""


def reason(nodeid: str) -> str | None:
    """Why a test is skipped; None: it runs."""
    name = nodeid.removeprefix("tests/")
    if any(_is_at(name, place) for place in HOLDS):
        return None
    for why, places in NOT_POOLED.items():
        if any(_is_at(name, place) for place in places):
            return f"behind PgBouncer: {why}"
    return None


def _is_at(name: str, place: str) -> bool:
    inside = name.startswith((f"{place}::", f"{place}["))
    return inside or name == place or ("[" in place and name.startswith(place))
