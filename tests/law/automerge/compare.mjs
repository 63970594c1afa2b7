// SPDX-License-Identifier: Apache-2.0
// Replays histories (tests/law/law_merge_export.h) with Automerge and compares, per actor and key, the values that
// conflict there with the siblings that our merge left. Exit 1 at the first difference.
import * as Automerge from "@automerge/automerge";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

const SET = 0;
const actors = ["aa", "bb", "cc", "dd", "ee"];
const keys = ["k0", "k1", "k2", "k3"];

function replay(ops) {
  const start = Automerge.init({ actor: "00" });
  const docs = actors.map((actor) => Automerge.clone(start, { actor }));
  for (const [kind, actor, second, value] of ops) {
    if (kind === SET) {
      docs[actor] = Automerge.change(docs[actor], (doc) => {
        doc[keys[second]] = value;
      });
    } else if (actor !== second) {
      docs[actor] = Automerge.merge(docs[actor], docs[second]);
    }
  }
  return { start, docs };
}

function values(doc, key) {
  const conflicts = Automerge.getConflicts(doc, key);
  if (conflicts) {
    return Object.values(conflicts).sort((a, b) => a - b);
  }
  return key in doc ? [doc[key]] : [];
}

let histories = 0;
let conflicts = 0;
for await (const line of createInterface({ input: createReadStream(process.argv[2]) })) {
  const { ops, end } = JSON.parse(line);
  const { start, docs } = replay(ops);
  histories++;
  for (let actor = 0; actor < actors.length; actor++) {
    for (let key = 0; key < keys.length; key++) {
      const theirs = values(docs[actor], keys[key]);
      const ours = end[actor][key].sort((a, b) => a - b);
      conflicts += theirs.length > 1 ? 1 : 0;
      if (JSON.stringify(theirs) !== JSON.stringify(ours)) {
        console.log(`history ${histories}, actor ${actor}, key ${key}: Automerge [${theirs}], Simpul [${ours}]`);
        console.log(line);
        process.exit(1);
      }
    }
  }
  for (const doc of [start, ...docs]) {
    Automerge.free(doc);
  }
}
console.log(`automerge oracle: ${histories} histories, ${conflicts} registers in conflict: equal everywhere`);
process.exit(histories > 0 && conflicts > 0 ? 0 : 1);
