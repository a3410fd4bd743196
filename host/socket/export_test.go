package socket

// Remembers is how many IDs the directory knows to have been closed.
func (d *Directory) Remembers() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.recent) + len(d.older)
}

// ItemCost is what a message in a mailbox counts for besides its bytes.
const ItemCost = itemCost
