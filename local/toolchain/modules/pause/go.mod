module todo-app/local/pause

go 1.26.0
