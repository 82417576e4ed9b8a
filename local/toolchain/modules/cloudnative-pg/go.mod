module todo-app/local/cloudnative-pg

go 1.26.0

require (
	github.com/cloudnative-pg/cloudnative-pg v1.29.1
	github.com/cloudnative-pg/plugin-barman-cloud v0.13.0
)
