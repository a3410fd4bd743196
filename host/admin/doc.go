// Package admin is the operator's HTTP API: tenants, uploads, deploys, routes, logs.
// The command line does all that it does to a running host through it.
//
// It is for a listener of its own, which [API.Server] serves, with TLS by what [TLS]
// returns. Whoever asks names a token in the header field Authorization: the operator's,
// who may do everything, or a tenant's deploy token, which is good for that tenant's
// plugins, routes and clients and for nothing else. Browsers are kept out: a page of
// another origin, or of a name that was made to lead here (DNS rebinding), is refused
// whatever it knows.
//
// Answers and errors are JSON. An error is
//
//	{"error": {"code": "unknown", "message": "...", "detail": {...}}}
//
// with a code of [Codes]. A change takes If-Match with the revision of the tenant that
// it is meant for, which each answer about a tenant has as its ETag, and dry_run=1, which
// does all but the change. All endpoints are in one table, from which the document at
// /v1/openapi.json is made too.
package admin
