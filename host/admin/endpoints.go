package admin

import "net/http"

// scope is who may ask.
type scope int

const (
	forAll      scope = iota // whoever there is, without a token
	forAny                   // any token
	forTenant                // the operator, and deploy tokens of the tenant in the path
	forOperator              // the operator
)

// bodyKind is what is sent.
type bodyKind int

const (
	noBody bodyKind = iota
	jsonBody
	optionalBody // JSON, or nothing
	moduleBody
)

// endpoint is one row of the table that the mux, the document and the tests are made
// from.
type endpoint struct {
	Method, Path, Summary string
	scope                 scope
	Body                  bodyKind
	// takes and gives are values of the types of the body and of the answer, for the
	// document. A nil answer is 204.
	takes, gives any
	// Query are the parameters, and what they are.
	Query map[string]string
	// made: the answer's status is 201; also that it may be.
	made bool
	// makes: the tenant in the path need not exist.
	makes bool
	// passing: nothing is different afterwards that is stored or told by the audit log, so
	// that it is no change by the tenant's rate of them. What it is bounded by is its own.
	passing bool
	// damaged: it is also for a tenant whose record is damaged.
	damaged bool
	// secret: the answer is not kept for requests that are sent again.
	secret bool
	// One of the two carries it out. stream writes the answer itself, unless it fails.
	serve  func(c *call) (*answer, error)
	stream func(c *call) error
	// kind is the type of what stream writes.
	kind string
}

// changes tells whether something is different afterwards.
func (e *endpoint) changes() bool { return e.Method != http.MethodGet }

// rated tells whether requests of deploy tokens count against their tenant's rate of
// changes, be they dry runs or refused in the end.
func (e *endpoint) rated() bool { return e.scope == forTenant && e.changes() && !e.passing }

func (e *endpoint) status() int {
	switch {
	case e.made:
		return http.StatusCreated
	case e.gives == nil && e.stream == nil:
		return http.StatusNoContent
	}
	return http.StatusOK
}

// endpoints is the table.
func endpoints() []endpoint {
	const (
		one    = "/v1/tenants/{tenant}"
		plugin = one + "/plugins/{plugin}"
	)
	get, put, post, remove := http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete
	return []endpoint{
		{Method: get, Path: "/v1/openapi.json", Summary: "This document.", scope: forAll, kind: "application/json", stream: (*call).openAPI},
		{Method: get, Path: "/v1/whoami", Summary: "Whose token is asked with.", scope: forAny, gives: whoBody{}, serve: (*call).whoami},
		{Method: get, Path: "/v1/limits", Summary: "The limits that a tenant may have, with their defaults.", scope: forAny, gives: limitsBody{}, serve: (*call).limits},
		{Method: get, Path: "/v1/audit", Summary: "The audit log of all tenants, oldest first.", scope: forOperator, gives: auditBody{}, Query: pages("entries", "number"), serve: (*call).audit},
		{Method: get, Path: "/v1/backup", Summary: "An archive (tar) of all that is stored, while it is served.", scope: forOperator, kind: "application/x-tar", stream: (*call).backup},
		{Method: get, Path: "/metrics", Summary: "Counters for Prometheus.", scope: forOperator, kind: "text/plain", stream: (*call).metrics},
		{Method: get, Path: "/tenant-metrics", Summary: "Counters of each tenant for Prometheus.", scope: forOperator, kind: "text/plain", stream: (*call).metrics},

		{Method: get, Path: "/v1/tenants", Summary: "All tenants, by name.", scope: forOperator, gives: tenantsBody{}, Query: pages("tenants", "name"), serve: (*call).tenants},
		{Method: get, Path: one, Summary: "A tenant's record.", scope: forTenant, gives: recordBody{}, serve: (*call).record},
		{Method: put, Path: one, Summary: "Sets a tenant's hosts, origins, limits, issuers and connector as a whole; makes the tenant if there is none. With If-None-Match: * it only makes one.", scope: forOperator, Body: jsonBody, takes: settingsBody{}, gives: recordBody{}, makes: true, serve: (*call).set},
		{Method: remove, Path: one, Summary: "Deletes a tenant with all that it has.", scope: forOperator, damaged: true, serve: (*call).delete},
		{Method: post, Path: one + "/suspend", Summary: "Refuses the tenant's clients, and ends their connections.", scope: forOperator, gives: recordBody{}, serve: (*call).suspend},
		{Method: post, Path: one + "/resume", Summary: "Lets them in again.", scope: forOperator, gives: recordBody{}, serve: (*call).resume},
		{Method: post, Path: one + "/drain", Summary: "Closes the tenant's connections on this node a few at a time, so that clients come back; answers when that is done.", scope: forOperator, Body: optionalBody, takes: drainBody{}, gives: closedBody{}, serve: (*call).drain},
		{Method: get, Path: one + "/usage", Summary: "What the tenant and its versions use and have used on this node.", scope: forTenant, gives: usageBody{}, serve: (*call).usage},
		{Method: get, Path: one + "/topics", Summary: "The topics that are joined on this node, by name; one that several versions serve is there once for each.", scope: forTenant, gives: topicsBody{}, Query: pages("topics", "name"), serve: (*call).topics},
		{Method: get, Path: one + "/sockets", Summary: "The sockets that are open on this node, oldest first.", scope: forTenant, gives: socketsBody{}, Query: pages("sockets", "number"), serve: (*call).sockets},
		{Method: post, Path: one + "/sockets/{socket}/disconnect", Summary: "Ends a socket of this node by its number, or on all nodes those that connect gave this name.", scope: forTenant, gives: closedBody{}, serve: (*call).disconnect},
		{Method: get, Path: one + "/audit", Summary: "The tenant's part of the audit log, oldest first.", scope: forTenant, damaged: true, gives: auditBody{}, Query: pages("entries", "number"), serve: (*call).audit},
		{Method: get, Path: one + "/routes", Summary: "Which topics go to which plugin; the first match wins.", scope: forTenant, gives: routesBody{}, serve: (*call).routes},
		{Method: put, Path: one + "/routes", Summary: "Sets all routes.", scope: forTenant, Body: jsonBody, takes: routesBody{}, gives: routesBody{}, serve: (*call).putRoutes},
		{Method: post, Path: one + "/publish", Summary: "Broadcasts one message, or several of which either all are good or none is sent.", scope: forTenant, Body: jsonBody, takes: publishBody{}, gives: publishedBody{}, passing: true, serve: (*call).publish},

		{Method: get, Path: one + "/tokens", Summary: "The deploy tokens, without what is secret of them.", scope: forOperator, gives: tokensBody{}, serve: (*call).tokens},
		{Method: post, Path: one + "/tokens", Summary: "Makes a deploy token, which is shown in this answer only.", scope: forOperator, Body: optionalBody, takes: mintBody{}, gives: mintedBody{}, made: true, secret: true, serve: (*call).mint},
		{Method: remove, Path: one + "/tokens/{token}", Summary: "Takes a deploy token back.", scope: forOperator, serve: (*call).revoke},

		{Method: get, Path: one + "/revocations", Summary: "The tokens of clients that count no more, and have not expired.", scope: forTenant, gives: revocationsBody{}, serve: (*call).revocations},
		{Method: post, Path: one + "/revocations", Summary: "Refuses a token of clients by its id (jti), or all that a subject (sub) has so far, and ends their sockets.", scope: forTenant, Body: jsonBody, takes: revocationBody{}, gives: revocationsBody{}, made: true, serve: (*call).revokeClients},

		{Method: post, Path: plugin + "/versions", Summary: "Uploads a module, which is checked, compiled and tried before it is kept. Nothing of what is served changes.", scope: forTenant, Body: moduleBody, gives: versionBody{}, made: true, serve: (*call).upload},
		{Method: get, Path: plugin + "/versions", Summary: "The versions that are kept, oldest first.", scope: forTenant, gives: versionsBody{}, Query: pages("versions", "number"), serve: (*call).versions},
		{Method: put, Path: plugin + "/versions/{seq}/pin", Summary: "Keeps a version for ever, or not.", scope: forTenant, Body: jsonBody, takes: pinBody{}, serve: (*call).pin},
		{Method: post, Path: plugin + "/deploy", Summary: "Makes a version the active one.", scope: forTenant, Body: optionalBody, takes: deployBody{}, gives: deploymentBody{}, serve: (*call).deploy},
		{Method: post, Path: plugin + "/rollback", Summary: "Makes the version before the active one.", scope: forTenant, gives: deploymentBody{}, serve: (*call).rollback},
		{Method: get, Path: plugin + "/settings", Summary: "What the plugin reads by config_get.", scope: forTenant, gives: map[string]string{}, serve: (*call).settings},
		{Method: put, Path: plugin + "/settings", Summary: "Sets all of it; the active version starts anew with it.", scope: forTenant, Body: jsonBody, takes: map[string]string{}, gives: map[string]string{}, serve: (*call).putSettings},
		{Method: get, Path: plugin + "/logs", Summary: "What the plugin has logged last on this node, as server-sent events, each with an object as its data; with follow=1 also what comes.", scope: forTenant, kind: "text/event-stream", Query: map[string]string{"follow": "1: go on", "lines": "how many of the last lines, 100 if it is missing"}, stream: (*call).logs},
	}
}
