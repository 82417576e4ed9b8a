package plugin

// Pulumi encodes special values inside plain JSON: an object with this key is a secret, and this string is a value not yet known.
const (
	signatureKey    = "4dabf18193072939515e22adb298388d"
	secretSignature = "1b47061264138c4ac30d75fd1eb44270"
	Unknown         = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
)

// Secret marks a value as secret.
func Secret(value any) map[string]any {
	return map[string]any{signatureKey: secretSignature, "value": value}
}

// Reveal returns the value with every secret mark in it taken off.
func Reveal(value any) any {
	switch v := value.(type) {
	case map[string]any:
		if v[signatureKey] == secretSignature {
			return Reveal(v["value"])
		}
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = Reveal(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = Reveal(item)
		}
		return out
	}
	return value
}

// HasUnknown tells whether any part of the value is not yet known.
func HasUnknown(value any) bool {
	switch v := value.(type) {
	case string:
		return v == Unknown
	case map[string]any:
		for _, item := range v {
			if HasUnknown(item) {
				return true
			}
		}
	case []any:
		for _, item := range v {
			if HasUnknown(item) {
				return true
			}
		}
	}
	return false
}
