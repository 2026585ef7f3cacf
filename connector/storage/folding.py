"""fold(text): core.query.comparison_key as a function of each database, so that both compare texts without case alike.

SQLite calls back into Python (storage/db.py). PostgreSQL gets a function of its own, written from Python's own tables of case
folding, because its lower() depends on the locale and folds less (ß, ς and ligatures stay as they are). What can still differ is
NFC of characters that are newer than the Unicode version of PostgreSQL.
"""

import sqlalchemy as sa

_LAST = 0x1FFFF  # no character behind has a case


def _postgresql_function() -> str:
    """Texts in ASCII, nearly all of them, take the short way; the rest go through Unicode's table of case folding."""
    single: dict[str, str] = {}
    several: dict[str, str] = {}
    for code in range(0x80, _LAST + 1):
        one = chr(code)
        folded = one.casefold()
        if folded != one:
            (single if len(folded) == 1 else several)[one] = folded
    upper = "".join(map(chr, range(ord("A"), ord("Z") + 1)))
    # translate() looks through its list from the start: what is frequent and stays as it is comes first.
    frequent = upper.lower() + " .-_@0123456789"
    source, target = frequent + upper + "".join(single), frequent + upper.lower() + "".join(single.values())
    text = "composed"
    for one, folded in several.items():
        text = f"replace({text}, '{one}', '{folded}')"
    return f"""
    CREATE OR REPLACE FUNCTION fold(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $fold$
    DECLARE
        composed text;
    BEGIN
        IF octet_length(value) = char_length(value) THEN
            RETURN lower(value COLLATE "C");
        END IF;
        composed := normalize(value, NFC) COLLATE "C";
        IF composed ~ '[{"".join(several)}]' THEN
            composed := {text};
        END IF;
        IF composed ~ '[{upper}{"".join(single)}]' THEN
            composed := translate(composed, '{source}', '{target}');
        END IF;
        RETURN normalize(composed, NFC);
    END
    $fold$
    """


def create_fold(connection: sa.Connection) -> None:
    """Make PostgreSQL's function, or bring it up to this Python's version of Unicode. SQLite needs none."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_postgresql_function())
