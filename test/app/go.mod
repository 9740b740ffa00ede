module github.com/damekarv/helloworld-infrastructure/test/app

go 1.25
