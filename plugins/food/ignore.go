package main

import "github.com/chhost/chhost/guest-sdk/go/chhost"

// maxIgnored bounds an ignore list, in bytes of JSON: the host keeps it in the
// channel's assigns, which have a bound of their own.
const maxIgnored = 4096

// isIgnoreList reports whether what came with a join is a list of ids within
// the bound.
func isIgnoreList(list chhost.JSON) bool {
	if list[0] != '[' || len(list) > maxIgnored {
		return false
	}
	for element := range list.Elements() {
		if _, ok := element.Text(); !ok {
			return false
		}
	}
	return true
}

// ignoring is the guide's User.ignoring?: whether the subscriber with these
// assigns ignores the user who joined.
func ignoring(assigns, joined chhost.Payload) bool {
	user, ok := joined.Field("user_id").Text()
	if !ok {
		return false
	}
	for element := range assigns.Field("ignore").Elements() {
		if id, ok := element.Text(); ok && id == user {
			return true
		}
	}
	return false
}
