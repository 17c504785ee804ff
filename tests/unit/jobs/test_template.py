from __future__ import annotations

from footplate.jobs.template import merge_template

POD = {
    "metadata": {"name": "ours", "labels": {"app": "footplate"}},
    "spec": {
        "containers": [
            {
                "name": "train",
                "env": [{"name": "A", "value": "1"}],
                "volumeMounts": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}],
            }
        ],
        "volumes": [{"name": "v", "emptyDir": {}}],
    },
}


def test_containers_and_their_environment_are_merged_by_name() -> None:
    over = {"containers": [{"name": "train", "env": [{"name": "B", "value": "2"}, {"name": "A", "value": "9"}]}]}
    container = merge_template(POD, {}, over)["spec"]["containers"][0]
    assert container["env"] == [{"name": "A", "value": "9"}, {"name": "B", "value": "2"}]


def test_mounts_are_merged_by_path_because_one_volume_may_have_several() -> None:
    over = {"containers": [{"name": "train", "volumeMounts": [{"name": "w", "mountPath": "/b"}]}]}
    mounts = merge_template(POD, {}, over)["spec"]["containers"][0]["volumeMounts"]
    assert mounts == [{"name": "v", "mountPath": "/a"}, {"name": "w", "mountPath": "/b"}]


def test_other_lists_are_appended_and_new_keys_added() -> None:
    over = {"tolerations": [{"key": "gpu"}], "volumes": [{"name": "w", "emptyDir": {}}]}
    spec = merge_template(POD, {}, over)["spec"]
    assert spec["tolerations"] == [{"key": "gpu"}]
    assert [v["name"] for v in spec["volumes"]] == ["v", "w"]


def test_our_name_and_labels_stay() -> None:
    metadata = merge_template(POD, {"name": "theirs", "labels": {"app": "x", "team": "y"}}, {})["metadata"]
    assert metadata == {"name": "ours", "labels": {"app": "footplate", "team": "y"}}


def test_the_pod_that_came_in_is_left_as_it_was() -> None:
    merge_template(POD, {}, {"containers": [{"name": "train", "env": [{"name": "B", "value": "2"}]}]})
    assert POD["spec"]["containers"][0]["env"] == [{"name": "A", "value": "1"}]
