// scimmy-routers as its manual has it, with resources in memory. SCIMMY_PORT and SCIMMY_TOKEN are its settings.
import { randomUUID } from "node:crypto";
import express from "express";
import SCIMMYRouters, { SCIMMY } from "scimmy-routers";

const { SCIMMY_PORT, SCIMMY_TOKEN } = process.env;

function handlers(kind, unique) {
    const store = new Map();
    const find = id => {
        if (!store.has(id)) throw new SCIMMY.Types.Error(404, null, `Resource ${id} not found`);
        return store.get(id);
    };
    return {
        egress(resource) {
            if (resource.id) return find(resource.id);
            const all = [...store.values()];
            return resource.filter ? resource.filter.match(all) : all;
        },
        ingress(resource, data) {
            const known = resource.id ? find(resource.id) : undefined;
            const name = String(data[unique]).toLowerCase();
            for (const other of store.values())
                if (other.id !== known?.id && String(other[unique]).toLowerCase() === name)
                    throw new SCIMMY.Types.Error(409, "uniqueness", `${unique} ${data[unique]} is taken`);
            const lastModified = new Date().toISOString();
            const id = known?.id ?? randomUUID();
            const meta = { resourceType: kind, created: known?.meta.created ?? lastModified, lastModified };
            store.set(id, { ...JSON.parse(JSON.stringify(data)), id, meta });
            return store.get(id);
        },
        degress(resource) {
            find(resource.id);
            store.delete(resource.id);
        },
    };
}

const extensions = [{ schema: SCIMMY.Schemas.EnterpriseUser, required: false }];
SCIMMY.Resources.declare(SCIMMY.Resources.User, { ...handlers("User", "userName"), extensions });
SCIMMY.Resources.declare(SCIMMY.Resources.Group, handlers("Group", "displayName"));
const handler = request => {
    if (request.header("Authorization") !== `Bearer ${SCIMMY_TOKEN}`) throw new Error("wrong token");
    return "tests";
};
const app = express();
app.use("/scim", new SCIMMYRouters({ type: "bearer", handler }));
app.listen(Number(SCIMMY_PORT), "127.0.0.1");
