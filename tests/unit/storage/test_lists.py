"""A list of ids goes by the index: a statement that walked over the table would be slow only once there is much in it."""

import orjson
import pytest

from connector.storage import activity, applications, credentials, groups, owners, resources

STATEMENTS = {
    "records": resources._by_ids,
    "names": resources._names,
    "memberships": groups._memberships,
    "owners": owners._of_agents,
    "agents of applications": applications._agents,
    "applications of agents": applications._applications,
    "credentials": credentials._of_holders,
    "activity": activity._last,
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_list_of_ids_is_looked_up_by_an_index(database, name):
    with database.transaction() as tx:
        statement = STATEMENTS[name]
        assert statement.all(tx, ids=orjson.dumps(["nobody"]).decode()) == []
        if tx.sqlite:
            text = statement._texts["sqlite"][0]
            plan = [row[3] for row in tx.run(f"EXPLAIN QUERY PLAN {text}", ['["x"]']).fetchall()]
            assert plan[0].startswith("SEARCH"), plan
