"""Templates are read with CloudFormation's short forms."""

from pathlib import Path

from local.template_yaml import read_template


def test_short_forms_become_long_forms(tmp_path: Path) -> None:
    file = tmp_path / "template.yaml"
    file.write_text(
        "a: !Ref Table\n"
        "b: !GetAtt Table.Arn\n"
        "c: !Sub '${Table}/x'\n"
        "d: !If [IsLocal, !Ref A, !Ref 'AWS::NoValue']\n"
        "e: !Condition Yes\n"
    )

    assert read_template(file) == {
        "a": {"Ref": "Table"},
        "b": {"Fn::GetAtt": ["Table", "Arn"]},
        "c": {"Fn::Sub": "${Table}/x"},
        "d": {"Fn::If": ["IsLocal", {"Ref": "A"}, {"Ref": "AWS::NoValue"}]},
        "e": {"Condition": "Yes"},
    }
