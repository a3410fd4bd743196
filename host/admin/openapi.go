package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (c *call) openAPI() error {
	patient(c.w)
	c.w.Header().Set("Content-Type", "application/json")
	_, _ = c.w.Write(c.api.document) // whom it does not reach is gone
	return nil
}

type object = map[string]any

// document is the OpenAPI document (https://spec.openapis.org/oas/v3.1.0) of a table.
func document(all []endpoint) []byte {
	paths := object{}
	for i := range all {
		e := &all[i]
		path, _ := paths[e.Path].(object)
		if path == nil {
			path = object{}
			paths[e.Path] = path
		}
		path[strings.ToLower(e.Method)] = operation(e)
	}
	codes := make([]string, 0, len(Codes()))
	table := "| code | status | means |\n| --- | --- | --- |\n"
	for _, row := range Codes() {
		codes = append(codes, string(row.Code))
		table += fmt.Sprintf("| %s | %d | %s |\n", row.Code, row.Status, row.Sense)
	}
	failed := schemaOf(reflect.TypeFor[errorBody]())
	failed["properties"].(object)["error"].(object)["properties"].(object)["code"] = object{"type": "string", "enum": codes}
	text, err := json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "chhost admin API", "version": "1",
			"description": "Tenants, uploads, deploys, routes and logs of a chhost. Errors have one shape:\n\n" + table,
		},
		"security":   []any{object{"token": []string{}}},
		"paths":      paths,
		"components": object{"schemas": object{"Error": failed}, "securitySchemes": object{"token": object{"type": "http", "scheme": "bearer"}}},
	}, "", " ")
	if err != nil {
		panic(fmt.Sprintf("BUG: the document is no JSON: %v", err))
	}
	return append(text, '\n')
}

func operation(e *endpoint) object {
	params := []any{}
	param := func(name, in, description string, schema object) {
		params = append(params, object{"name": name, "in": in, "description": description, "required": in == "path", "schema": schema})
	}
	text := object{"type": "string"}
	for part := range strings.SplitSeq(e.Path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			param(strings.TrimSuffix(name, "}"), "path", "", text)
		}
	}
	names := make([]string, 0, len(e.Query))
	for name := range e.Query {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		param(name, "query", e.Query[name], text)
	}
	if e.changes() {
		param("dry_run", "query", "1: do all but the change", object{"type": "string", "enum": []string{"0", "1", "true", "false"}})
		param("If-Match", "header", "the revision that the change is meant for, such as \"7\"", text)
		param("Idempotency-Key", "header", "a request that is sent again with the same key is carried out once", object{"type": "string", "maxLength": maxKey})
	}
	responses := object{"default": object{"description": "why it was refused", "content": object{"application/json": object{"schema": object{"$ref": "#/components/schemas/Error"}}}}}
	good := object{"description": "done"}
	switch {
	case e.stream != nil:
		good["content"] = object{e.kind: object{}}
	case e.gives != nil:
		good["content"] = object{"application/json": object{"schema": schemaOf(reflect.TypeOf(e.gives))}}
	}
	responses[strconv.Itoa(e.status())] = good
	if e.rated() || e.passing {
		responses["429"] = object{
			"description": "the tenant's rate does not let it through yet; nothing was done",
			"headers":     object{"Retry-After": object{"description": "after how many seconds it does", "schema": object{"type": "integer"}}},
			"content":     object{"application/json": object{"schema": object{"$ref": "#/components/schemas/Error"}}},
		}
	}
	if e.made {
		responses["200"] = good
	}
	if e.makes {
		responses["201"] = good
	}
	op := object{"summary": e.Summary, "parameters": params, "responses": responses}
	switch e.Body {
	case jsonBody, optionalBody:
		op["requestBody"] = object{"required": e.Body == jsonBody, "content": object{"application/json": object{"schema": schemaOf(reflect.TypeOf(e.takes))}}}
	case moduleBody:
		op["requestBody"] = object{"required": true, "content": object{"application/wasm": object{"schema": object{"type": "string", "format": "binary"}}}}
	}
	if e.scope == forAll {
		op["security"] = []any{}
	}
	return op
}

// schemaOf is the JSON schema of what a type is written as.
func schemaOf(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return object{} // anything
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Interface:
		return object{}
	case reflect.Slice:
		return object{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Struct:
		properties, required := object{}, []string{}
		fields(t, properties, &required)
		s := object{"type": "object", "properties": properties, "additionalProperties": false}
		if len(required) > 0 {
			s["required"] = required
		}
		return s
	}
	panic("BUG: no schema for " + t.String())
}

// fields collects those of a struct, and of what is embedded in it.
func fields(t reflect.Type, properties object, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			fields(f.Type, properties, required)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		properties[name] = schemaOf(f.Type)
		if !strings.Contains(options, "omit") {
			*required = append(*required, name)
		}
	}
}

var _ http.Handler = (*API)(nil)
