package plugin

// IsSecret tells whether the value carries a secret mark.
func IsSecret(value any) bool {
	marked, _ := value.(map[string]any)
	return marked[signatureKey] == secretSignature
}

// HasSecret tells whether any part of the value is secret.
func HasSecret(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		if IsSecret(v) {
			return true
		}
		for _, item := range v {
			if HasSecret(item) {
				return true
			}
		}
	case []any:
		for _, item := range v {
			if HasSecret(item) {
				return true
			}
		}
	}
	return false
}
