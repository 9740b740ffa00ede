# For a simulated AWS (`dagger call test-infra`): what moto does differently.
noncurrent_versions_kept = 0
enforce_bucket_policy    = false
s3_use_path_style        = true
