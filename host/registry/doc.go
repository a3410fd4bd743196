// Package registry stores uploaded plugins by digest and remembers what each tenant
// serves: its plugins, their versions, which of them is active, and the routes.
//
// What belongs to one tenant is one record, a [Tenant], which changes as a whole: a
// change reads the record, edits it and has it stored, and no other change of the same
// tenant comes between. So there is exactly one active version of a plugin at any
// time, and the history of a tenant is a line. Modules are stored once for all tenants,
// by the SHA-256 of their bytes, before the first record names them.
//
// A [Store] keeps records, modules and the audit log. [Memory] forgets them with the
// process, [Disk] keeps them in a directory. Package registrytest holds others to the
// same contract.
package registry
