"""Score a saved checkpoint: checkpoint -> dataset -> batches -> scores -> report. Or judge a study, or compare two runs.

python evaluate.py checkpoint=runs/bbc_news/<time>-<hash>
python evaluate.py checkpoint=runs/bbc_news/<time>-<hash>/onnx
python evaluate.py study=runs/NAME
python evaluate.py compare=[RUN_A,RUN_B]
python evaluate.py --help
"""

from pathlib import Path

from textlstm.data.batches import encode_splits
from textlstm.data.load import load_evaluation_data
from textlstm.data.pairs import separator_of
from textlstm.door import entry
from textlstm.door.settings import EvaluateSettings
from textlstm.door.stored_run import open_run
from textlstm.reports.report import build_report, describe_data, finish_evaluation
from textlstm.reports.study_report import compare_checkpoints, report_study
from textlstm.reports.terminal import open_console, print_evaluation


def evaluate(settings: EvaluateSettings, _: Path) -> None:
    """Whichever of the three was asked for."""
    wanted = settings.evaluation
    if wanted.study:
        studies = [wanted.study] if isinstance(wanted.study, str) else wanted.study
        report_study(open_console(), [Path(study) for study in studies], settings.judging)
    elif wanted.compare:
        compare_checkpoints(open_console(), *map(Path, wanted.compare))
    else:
        evaluate_checkpoint(settings)


def evaluate_checkpoint(settings: EvaluateSettings) -> None:
    """Score one split of the run's own data or of another data set with the same labels."""
    console = open_console()
    stored = open_run(settings)
    scorer = stored.open()
    model, tokenizer = scorer.model, scorer.tokenizer
    label_names = list(model.config.id2label.values())
    data = load_evaluation_data(
        stored.dataset,
        stored.split,
        label_names=label_names,
        as_in_training=stored.own_data,
        multi_label=model.config.multi_label,
        pairs=separator_of(tokenizer) is not None,
    )
    texts = encode_splits(data.splits, tokenizer)
    logits = scorer.predict(texts)
    folder = stored.evaluation_folder(data.fingerprint)
    report = build_report(
        folder,
        config=stored.config,
        model=model,
        data=data,
        texts=texts,
        logits=logits,
        facts=describe_data(data, texts, model, tokenizer),
    )
    finish_evaluation(folder, report)
    print_evaluation(console, report, stored.reproduced(report))


main = entry(evaluate, script=__file__, config_name="evaluate")

if __name__ == "__main__":
    main()
