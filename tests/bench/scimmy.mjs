// scimmy-routers with its data in SQLite (better-sqlite3), as a careful user would build it: statements prepared once, an
// index on userName, and pages cut by the database. BENCH_PORT, BENCH_TOKEN, BENCH_DATABASE and BENCH_PROCESSES are its settings.
import cluster from "node:cluster";
import { randomUUID } from "node:crypto";
import Database from "better-sqlite3";
import express from "express";
import SCIMMYRouters, { SCIMMY } from "scimmy-routers";

const { BENCH_PORT, BENCH_TOKEN, BENCH_DATABASE, BENCH_PROCESSES } = process.env;

class Store {
    constructor(table) {
        const database = new Database(BENCH_DATABASE);
        database.pragma("journal_mode = WAL");
        database.pragma("synchronous = NORMAL"); // not durable to a power cut: its users' usual choice, and to its advantage
        database.pragma("busy_timeout = 10000");
        database.exec(`CREATE TABLE IF NOT EXISTS ${table}
            (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT UNIQUE, document TEXT NOT NULL)`);
        const one = sql => database.prepare(sql.replace("TABLE", table));
        this.byId = one("SELECT document FROM TABLE WHERE id = ?").pluck();
        this.byName = one("SELECT document FROM TABLE WHERE name = ?").pluck();
        this.every = one("SELECT document FROM TABLE ORDER BY number").pluck();
        this.page = one("SELECT document FROM TABLE ORDER BY number LIMIT ? OFFSET ?").pluck();
        this.count = one("SELECT count(*) FROM TABLE").pluck();
        this.insert = one("INSERT INTO TABLE (id, name, document) VALUES (?, ?, ?)");
        this.update = one("UPDATE TABLE SET name = ?, document = ? WHERE id = ?");
        this.remove = one("DELETE FROM TABLE WHERE id = ?");
    }

    find(id) {
        const text = this.byId.get(id);
        if (text === undefined) throw new SCIMMY.Types.Error(404, null, `Resource ${id} not found`);
        return JSON.parse(text);
    }
}

/** The name of a filter that is just `userName eq "..."`, which the index answers; else undefined. */
function soughtName(filter) {
    if (filter?.length !== 1) return undefined;
    const [[attribute, condition], ...others] = Object.entries(filter[0]);
    const plain = others.length === 0 && attribute.toLowerCase() === "username" && Array.isArray(condition);
    return plain && String(condition[0]).toLowerCase() === "eq" ? String(condition[1]).toLowerCase() : undefined;
}

function handlers(kind) {
    const store = new Store(`${kind.toLowerCase()}s`);
    return {
        egress(resource) {
            if (resource.id) return store.find(resource.id);
            const name = soughtName(resource.filter);
            if (name !== undefined) return store.byName.all(name).map(text => JSON.parse(text));
            if (resource.filter) return resource.filter.match(store.every.all().map(text => JSON.parse(text)));
            const { startIndex = 1, count = 20 } = resource.constraints ?? {};
            resource.constraints = { ...resource.constraints, startIndex, count, totalResults: store.count.get() };
            return store.page.all(count, startIndex - 1).map(text => JSON.parse(text));
        },
        ingress(resource, data) {
            const lastModified = new Date().toISOString();
            const known = resource.id ? store.find(resource.id) : undefined;
            const id = known?.id ?? randomUUID();
            const meta = { resourceType: kind, created: known?.meta.created ?? lastModified, lastModified };
            const document = { ...JSON.parse(JSON.stringify(data)), id, meta };
            const name = data.userName?.toLowerCase() ?? null;
            try {
                if (known) store.update.run(name, JSON.stringify(document), id);
                else store.insert.run(id, name, JSON.stringify(document));
            } catch (problem) {
                if (!String(problem.code).startsWith("SQLITE_CONSTRAINT")) throw problem;
                throw new SCIMMY.Types.Error(409, "uniqueness", `userName ${data.userName} is taken`);
            }
            return document;
        },
        degress(resource) {
            if (store.remove.run(resource.id).changes === 0)
                throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
        },
    };
}

function serve() {
    const extensions = [{ schema: SCIMMY.Schemas.EnterpriseUser, required: false }];
    SCIMMY.Resources.declare(SCIMMY.Resources.User, { ...handlers("User"), extensions });
    SCIMMY.Resources.declare(SCIMMY.Resources.Group, handlers("Group"));
    const app = express();
    const handler = request => {
        if (request.header("Authorization") !== `Bearer ${BENCH_TOKEN}`) throw new Error("wrong token");
        return "bench";
    };
    app.use("/scim", new SCIMMYRouters({ type: "bearer", handler }));
    app.listen(Number(BENCH_PORT), "127.0.0.1");
}

if (cluster.isPrimary) for (let one = 0; one < Number(BENCH_PROCESSES); one++) cluster.fork();
else serve();
