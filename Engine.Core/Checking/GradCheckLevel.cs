using System.Runtime.InteropServices;
using Edifice.Engine.Autograd;

namespace Edifice.Engine.Checking;

/// <summary>One function at one point: its graph, and the checks that compare it with differences.</summary>
internal sealed class GradCheckLevel
{
    // Up to here a whole Jacobian is cheap; beyond, two projections stand for it.
    private const int FullElements = 400, FullEntries = 20_000;

    // How many elements of an input are moved one by one to find where a random direction failed.
    private const int LocatedElements = 256;

    // Two orders of one summation differ by some roundings, as a part of the largest entry.
    private const double Reordered = 1e-12;

    // A fused backward pass and its composed form are two formulas for the same numbers: beside their scatter, in which terms that
    // cancel count, they may differ by this part of the largest.
    private const double Rederived = 1e-10;

    private readonly CheckedFunction _f;
    private readonly ProbedInput[] _inputs;
    private readonly GradCheckOptions _options;
    private readonly GradCheckFindings _findings;
    private readonly Generator _random;
    private readonly Tensor[] _leaves;
    private readonly Tensor[] _results;
    private readonly double[][] _values;
    private RoundingScatter? _scatter;

    public GradCheckLevel(CheckedFunction f, ProbedInput[] inputs, GradCheckOptions options, GradCheckFindings findings, Generator random)
    {
        (_f, _inputs, _options, _findings, _random) = (f, inputs, options, findings, random);
        _leaves = [.. inputs.Select(p => p.Leaf().RequiresGrad())];
        _results = f.Recorded(_leaves);
        Watched = [.. _results.Select(y => y.NeedsGradient)];
        _values = [.. _results.Select(y => y.ToArray<double>())];
    }

    /// <summary>Which results are on the tape.</summary>
    public bool[] Watched { get; }

    /// <summary>The results' shapes.</summary>
    public IEnumerable<Shape> Shapes => _results.Select(y => y.Shape);

    /// <summary>A cotangent: 1 at one element of one result, or (element -1) random values in all of them.</summary>
    private readonly record struct Row(int Output, int Element);

    /// <summary>A way to move: one element of one input, or (element -1) all of them along a direction.</summary>
    private readonly record struct Column(int Input, int Element, double[] Direction);

    public void Check()
    {
        CheckValues();
        var cotangents = _results.Select(y => Normal(y.Shape)).ToArray();
        CheckPasses(cotangents);
        int rows = _values.Sum(v => v.Length), columns = _inputs.Sum(p => p.Count);
        if (_options.Mode == GradCheckMode.Full ||
            (_options.Mode == GradCheckMode.Auto && rows <= FullElements && columns <= FullElements && rows * columns <= FullEntries))
        {
            Compare(UnitRows(), UnitColumns(int.MaxValue), cotangents, judge: true);
            return;
        }

        Row[] projection = [new(-1, -1)];
        if (Compare(projection, Directions(), cotangents, judge: false)) Compare(projection, Directions(), cotangents, judge: true);
        // A random projection says that something is wrong; moving single elements says where.
        else if (Compare(projection, UnitColumns(LocatedElements), cotangents, judge: true))
            Compare(projection, Directions(), cotangents, judge: true);
    }

    /// <summary>Off the tape, and a second time, the values must be those on the tape.</summary>
    private void CheckValues()
    {
        var plain = Evaluate();
        if (!SameBits(plain, Evaluate())) _findings.Fail($"{_f.Name}: two runs on the same inputs gave different bits");
        for (var k = 0; k < _values.Length; k++)
        {
            if (plain[k].Length != _values[k].Length)
            {
                _findings.Fail($"{_f.Name}: {_f.OutputName(k)} has {_values[k].Length} elements on the tape and {plain[k].Length} off it");
                continue;
            }

            var allowed = _f.Order == 1 ? 0 : Rederived * (Largest(plain[k]) + 0.01) + _options.NoiseUnits * Scatter.Of(k);
            if (FirstDifference(_values[k], plain[k], allowed) is { } at)
                _findings.Fail($"{_f.Name}: {_f.OutputName(k)}{Place(_results[k].Shape, at)} is {_values[k][at]:G17} {(_f.Order == 1 ? "on the tape" : "with a graph of the gradient")}, {plain[k][at]:G17} without");
        }
    }

    /// <summary>One graph, several passes: finite, the same bits each time, the same gradient for views as cotangents.</summary>
    private void CheckPasses(Tensor[] cotangents)
    {
        var first = Pull(cotangents);
        for (var i = 0; i < _inputs.Length; i++)
            if (Array.FindIndex(first[i], g => !double.IsFinite(g)) is >= 0 and var at)
                _findings.Fail($"{_f.Name}: the gradient of {_inputs[i].Name}{Place(_inputs[i].Shape, at)} is {first[i][at]}");
        if (!SameBits(first, Pull(cotangents))) _findings.Fail($"{_f.Name}: two backward passes over one graph gave different bits");
        Agree(first, Pull([.. cotangents.Select(ProbedInput.Spread)]), "a strided cotangent");
        Agree(Pull([.. cotangents.Select(c => c.OnesLike())]),
            Pull([.. cotangents.Select(c => Tensor.Scalar(1, DType.Float64, c.Device).ExpandTo(c.Shape))]), "a cotangent of stride 0");
    }

    private void Agree(double[][] expected, double[][] actual, string what)
    {
        for (var i = 0; i < _inputs.Length; i++)
            if (FirstDifference(actual[i], expected[i], Reordered * Largest(expected[i])) is { } at)
                _findings.Fail($"{_f.Name}: {what} gives the gradient {actual[i][at]:G17} for {_inputs[i].Name}{Place(_inputs[i].Shape, at)}, a contiguous one {expected[i][at]:G17}");
    }

    private Row[] UnitRows() => [.. _values.SelectMany((v, k) => Enumerable.Range(0, v.Length).Select(o => new Row(k, o)))];

    private Column[] UnitColumns(int most) =>
        [.. _inputs.SelectMany((p, i) => Enumerable.Range(0, Math.Min(most, p.Count)).Select(j => new Column(i, j, [])))];

    private Column[] Directions()
    {
        var columns = new List<Column>();
        for (var i = 0; i < _inputs.Length; i++)
        {
            if (_inputs[i].Count == 0) continue;
            var d = Normal(_inputs[i].Shape).ToArray<double>();
            columns.Add(new Column(i, -1, _inputs[i].Representable(d, _options.Step)));
        }

        return [.. columns];
    }

    /// <summary>Compares backward passes (rows) with differences (columns).</summary>
    /// <returns>True when all entries agree.</returns>
    private bool Compare(Row[] rows, Column[] columns, Tensor[] cotangents, bool judge)
    {
        // All backward passes come first: moving the inputs overwrites what the graph saved.
        var analytic = new double[rows.Length, columns.Length];
        for (var r = 0; r < rows.Length; r++)
        {
            var g = Pull(rows[r].Element < 0 ? cotangents : Unit(rows[r]));
            for (var c = 0; c < columns.Length; c++) analytic[r, c] = Along(g[columns[c].Input], columns[c]);
        }

        var weights = cotangents.Select(u => u.ToArray<double>()).ToArray();
        var numeric = new double[rows.Length, columns.Length];
        var steps = new double[columns.Length];
        for (var c = 0; c < columns.Length; c++)
        {
            steps[c] = StepOf(columns[c]);
            var slopes = Slopes(columns[c], steps[c]);
            for (var r = 0; r < rows.Length; r++) numeric[r, c] = Entry(rows[r], slopes, weights);
        }

        var scales = Scales(rows, columns, analytic, numeric);
        var noise = rows.Select(row => Noise(row, weights)).ToArray();
        double Tolerance(int r, int c) => _options.AbsoluteTolerance +
            _options.RelativeTolerance * scales[rows[r].Output + 1, columns[c].Input] + noise[r] / steps[c];
        var agrees = true;
        for (var c = 0; c < columns.Length; c++)
        {
            double[][]? refined = null;
            for (var r = 0; r < rows.Length; r++)
            {
                double a = analytic[r, c], n = numeric[r, c], tolerance = Tolerance(r, c);
                if (GradCheckEntry.ExcessOf(a, n, tolerance) > 1)
                {
                    n = Entry(rows[r], refined ??= RefinedSlopes(columns[c], steps[c]), weights);
                    tolerance += 0.5 * noise[r] / steps[c];
                }

                var (row, column, h) = (rows[r], columns[c], steps[c]);
                if (judge) agrees &= _findings.Judge(a, n, tolerance, () => Describe(row, column, a, n, tolerance, h));
                else agrees &= GradCheckEntry.ExcessOf(a, n, tolerance) <= 1;
            }
        }

        return agrees;
    }

    /// <summary>h times what rounding may put into a central difference of step h: see <see cref="GradCheckOptions"/>.</summary>
    private double Noise(Row row, double[][] weights)
    {
        var (seen, terms) = row.Element < 0
            ? (Scatter.Of(weights), SumOfTerms(_values, weights))
            : (Scatter.Of(row.Output), Largest(_values[row.Output]));
        return _options.NoiseUnits * Math.Max(seen, Math.ScaleB(terms, -53));
    }

    private RoundingScatter Scatter => _scatter ??= MeasureScatter();

    private RoundingScatter MeasureScatter()
    {
        // Off the checker's own stream: whether noise is looked at must not change what is checked next.
        var random = new Generator(_options.Seed);
        var directions = _inputs.Select(p => p.Representable(
            Tensor.Randn(p.Shape, DType.Float64, generator: random).ToArray<double>(), RoundingScatter.Spacing)).ToArray();
        var points = new double[RoundingScatter.Points][][];
        for (var j = 0; j < points.Length; j++)
        {
            for (var i = 0; i < _inputs.Length; i++) _inputs[i].Move(j * RoundingScatter.Spacing, directions[i]);
            points[j] = Evaluate();
        }

        foreach (var input in _inputs) input.Restore();
        return new RoundingScatter(points);
    }

    /// <summary>The largest entry of every block: one result (+1; 0: the projection) by one input.</summary>
    private double[,] Scales(Row[] rows, Column[] columns, double[,] analytic, double[,] numeric)
    {
        var scales = new double[_values.Length + 1, _inputs.Length];
        for (var r = 0; r < rows.Length; r++)
            for (var c = 0; c < columns.Length; c++)
            {
                ref var scale = ref scales[rows[r].Output + 1, columns[c].Input];
                foreach (var entry in (ReadOnlySpan<double>)[Math.Abs(analytic[r, c]), Math.Abs(numeric[r, c])])
                    if (entry > scale && double.IsFinite(entry)) scale = entry;
            }

        return scales;
    }

    private GradCheckEntry Describe(Row row, Column column, double analytic, double numeric, double tolerance, double step) => new(
        _f.Name, _f.Order,
        row.Element < 0 ? "(results along a random cotangent)" : _f.OutputName(row.Output) + Place(_results[row.Output].Shape, row.Element),
        column.Element < 0 ? $"({_inputs[column.Input].Name} along a random direction)" : _inputs[column.Input].Name + Place(_inputs[column.Input].Shape, column.Element),
        analytic, numeric, tolerance, step);

    private Tensor[] Unit(Row row) => [.. _results.Select((y, k) =>
    {
        var u = new double[y.Count];
        if (k == row.Output) u[row.Element] = 1;
        return Tensor.FromArray(u, y.Shape, y.Device);
    })];

    /// <summary>One backward pass; an input the results do not depend on has gradient 0.</summary>
    private double[][] Pull(Tensor[] cotangents)
    {
        using var memory = Tensor.Scope();
        var live = Enumerable.Range(0, _results.Length).Where(k => Watched[k]).ToArray();
        if (live.Length == 0) return [.. _inputs.Select(p => new double[p.Count])];
        var g = Gradients.Of(
            [.. live.Select(k => _results[k])], _leaves, [.. live.Select(k => cotangents[k])], retainGraph: true, allowUnused: true);
        return [.. g.Select((t, i) => t?.ToArray<double>() ?? new double[_inputs[i].Count])];
    }

    private double StepOf(Column column) =>
        column.Element < 0 ? _options.Step : _options.Step * Math.Max(1, Math.Abs(_inputs[column.Input].Value(column.Element)));

    /// <summary>Central differences of all results along a column, divided by the distance really moved.</summary>
    private double[][] Slopes(Column column, double step)
    {
        var input = _inputs[column.Input];
        double distance;
        double[][] above, below;
        if (column.Element >= 0)
        {
            var x = input.Value(column.Element);
            double high = x + step, low = x - step;
            distance = high - low;
            input.Move(column.Element, high);
            above = Evaluate();
            input.Move(column.Element, low);
            below = Evaluate();
            input.Move(column.Element, x);
        }
        else
        {
            distance = 2 * step;
            input.Move(step, column.Direction);
            above = Evaluate();
            input.Move(-step, column.Direction);
            below = Evaluate();
            input.Restore();
        }

        for (var k = 0; k < above.Length; k++)
            for (var o = 0; o < above[k].Length; o++)
                above[k][o] = above[k][o] == below[k][o] ? 0 : (above[k][o] - below[k][o]) / distance;
        return above;
    }

    /// <summary>Differences of fourth order, (4 D(h) - D(2h)) / 3: the error h² f‴/6 of D(h) drops out (Richardson 1911), at 4/3 + 1/6
    /// of its noise. A steep function passes now, a wrong derivative does not.</summary>
    private double[][] RefinedSlopes(Column column, double step)
    {
        double[][] near = Slopes(column, step), far = Slopes(column, 2 * step);
        for (var k = 0; k < near.Length; k++)
            for (var o = 0; o < near[k].Length; o++) near[k][o] += (near[k][o] - far[k][o]) / 3;
        return near;
    }

    private static double Entry(Row row, double[][] slopes, double[][] weights) =>
        row.Element < 0 ? RoundingScatter.Dot(slopes, weights) : slopes[row.Output][row.Element];

    private double[][] Evaluate()
    {
        using var memory = Tensor.Scope();
        return [.. _f.Values([.. _inputs.Select(p => p.Leaf())]).Select(y => y.ToArray<double>())];
    }

    private Tensor Normal(Shape shape) => Tensor.Randn(shape, DType.Float64, generator: _random);

    private static double Along(double[] gradient, Column column)
    {
        if (column.Element >= 0) return gradient[column.Element];
        double sum = 0;
        for (var j = 0; j < gradient.Length; j++) sum += gradient[j] * column.Direction[j];
        return sum;
    }

    /// <summary>Σ|a b| over the finite values.</summary>
    private static double SumOfTerms(double[][] a, double[][] b)
    {
        double sum = 0;
        for (var k = 0; k < a.Length; k++)
            for (var o = 0; o < a[k].Length; o++)
                if (double.IsFinite(a[k][o])) sum += Math.Abs(a[k][o] * b[k][o]);
        return sum;
    }

    private static double Largest(double[] values)
    {
        double largest = 0;
        foreach (var v in values)
            if (double.IsFinite(v)) largest = Math.Max(largest, Math.Abs(v));
        return largest;
    }

    private static int? FirstDifference(double[] a, double[] b, double allowed)
    {
        for (var i = 0; i < a.Length; i++)
            if (!a[i].Equals(b[i]) && !(Math.Abs(a[i] - b[i]) <= allowed) && a[i] != b[i]) return i;
        return null;
    }

    private static bool SameBits(double[][] a, double[][] b)
    {
        for (var k = 0; k < a.Length; k++)
            if (!MemoryMarshal.AsBytes(a[k].AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(b[k].AsSpan()))) return false;
        return true;
    }

    internal static string Place(Shape shape, int element)
    {
        if (shape.Rank == 0) return "";
        var places = new int[shape.Rank];
        for (var axis = shape.Rank - 1; axis >= 0; axis--)
        {
            places[axis] = element % shape[axis];
            element /= shape[axis];
        }

        return $"[{string.Join(", ", places)}]";
    }
}
