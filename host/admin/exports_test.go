package admin

// UploadsUnderWay is how many uploads have a place.
func UploadsUnderWay(a *API) int { return a.uploads.underWay() }

// RequestsUnderWay is how many other requests of deploy tokens have one.
func RequestsUnderWay(a *API) int { return a.requests.underWay() }

// UploadsWaiting is how many uploads wait for one.
func UploadsWaiting(a *API) int {
	a.uploads.mu.Lock()
	defer a.uploads.mu.Unlock()
	return len(a.uploads.waiting)
}

func (p *places) underWay() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all
}
