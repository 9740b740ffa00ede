# For a simulated AWS (`dagger call test-infra`): what moto does not have.
install_charts        = false # its clusters have no Kubernetes API
create_access_entries = false
cluster_addons        = {}

tag_cluster_security_group = false                                              # there is none
modules                    = { ebs_csi_driver = false, metrics_server = false } # addons, too
