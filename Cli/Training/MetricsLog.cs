using System.Globalization;
using System.Text;

namespace Edifice.Cli.Training;

/// <summary>One line per evaluation: step, training loss, evaluation figures, speed.</summary>
internal sealed record MetricsRow(int Step, double TrainLoss, double EvalLoss, double Score, double LearningRate, double TokensPerSecond);

/// <summary>The file <c>metrics.csv</c> of a run: appended to as the run goes, cut back to the checkpoint when one resumes.</summary>
internal sealed class MetricsLog
{
    private readonly string _path;
    private readonly string _scoreName;
    private readonly List<MetricsRow> _rows = [];

    public MetricsLog(string path, string scoreName, int resumeAt)
    {
        (_path, _scoreName) = (path, scoreName);
        if (resumeAt > 0 && File.Exists(path))
            foreach (var line in File.ReadLines(path).Skip(1))
                if (Parse(line) is { } row && row.Step <= resumeAt) _rows.Add(row);
        Rewrite();
    }

    public IReadOnlyList<MetricsRow> Rows => _rows;

    public void Add(MetricsRow row)
    {
        _rows.Add(row);
        File.AppendAllText(_path, Format(row));
    }

    private void Rewrite()
    {
        var text = new StringBuilder($"step,train_loss,eval_loss,{_scoreName},learning_rate,tokens_per_second\n");
        foreach (var row in _rows) text.Append(Format(row));
        File.WriteAllText(_path, text.ToString());
    }

    private static string Format(MetricsRow r) => string.Create(
        CultureInfo.InvariantCulture, $"{r.Step},{r.TrainLoss:G9},{r.EvalLoss:G9},{r.Score:G9},{r.LearningRate:G9},{r.TokensPerSecond:F0}\n");

    private static MetricsRow? Parse(string line)
    {
        var parts = line.Split(',');
        if (parts.Length != 6) return null;
        var values = new double[parts.Length];
        for (var i = 0; i < parts.Length; i++)
            if (!double.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out values[i])) return null;
        return new MetricsRow((int)values[0], values[1], values[2], values[3], values[4], values[5]);
    }
}
