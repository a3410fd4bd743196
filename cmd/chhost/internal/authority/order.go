package authority

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync"
)

// maxOrder is the size in bytes of the largest order that is looked into.
const maxOrder = 64 << 10

// orderTransport adds to an answer what autocert needs and RFC 8555 does not demand:
// when an order is finalized, autocert learns where to ask for its end from the field
// Location, which not every authority repeats there (golang/go#77704). It is safe for
// concurrent use.
type orderTransport struct {
	next http.RoundTripper

	mu     sync.Mutex
	orders map[string]string // where an order is, by where it is finalized
}

// RoundTrip implements [http.RoundTripper].
func (o *orderTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := o.next.RoundTrip(r)
	if err != nil || r.Method != http.MethodPost {
		return response, err
	}
	at := response.Header.Get("Location")
	if response.StatusCode == http.StatusOK && at == "" {
		if known := o.take(r.URL.String()); known != "" {
			response.Header.Set("Location", known)
		}
	}
	if response.StatusCode != http.StatusCreated || at == "" {
		return response, nil
	}
	// An order that was made, or an account, which has no such field.
	start, err := io.ReadAll(io.LimitReader(response.Body, maxOrder))
	if err != nil {
		_ = response.Body.Close()
		return nil, err
	}
	response.Body = rest{io.MultiReader(bytes.NewReader(start), response.Body), response.Body}
	var order struct {
		Finalize string `json:"finalize"`
	}
	if json.Unmarshal(start, &order) == nil && order.Finalize != "" {
		o.keep(order.Finalize, at)
	}
	return response, nil
}

// maxOrders is how many orders are remembered; those that came to nothing stay.
const maxOrders = 100

func (o *orderTransport) keep(finalize, at string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.orders == nil || len(o.orders) >= maxOrders {
		o.orders = make(map[string]string)
	}
	o.orders[finalize] = at
}

func (o *orderTransport) take(finalize string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := o.orders[finalize]
	delete(o.orders, finalize)
	return at
}

// rest is a body of which a part was read.
type rest struct {
	io.Reader
	io.Closer
}
