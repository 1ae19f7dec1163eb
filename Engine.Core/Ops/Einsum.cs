namespace Edifice.Engine.Ops;

/// <summary>Einstein summation, composed: operands are aligned by label and contracted pair by pair from the left as batched
/// matrix products. Every step is a recorded op, so the gradient needs no rule of its own.</summary>
internal static class Einsum
{
    public static Tensor Run(string equation, Tensor[] operands)
    {
        var (inputs, output) = Parse(equation, operands);
        var extents = Extents(equation, inputs, operands);
        var current = operands[0];
        var labels = inputs[0];
        (current, labels) = SumOut(current, labels, l => Appears(l, inputs, 1, output));
        for (var i = 1; i < operands.Length; i++)
        {
            var (next, nextLabels) = SumOut(operands[i], inputs[i],
                l => labels.Contains(l) || Appears(l, inputs, i + 1, output));
            (current, labels) = Contract(current, labels, next, nextLabels, l => Appears(l, inputs, i + 1, output), extents);
        }

        return Align(current, labels, output, extents);
    }

    private static bool Appears(char label, char[][] inputs, int from, char[] output)
    {
        if (output.Contains(label)) return true;
        for (var i = from; i < inputs.Length; i++)
            if (inputs[i].Contains(label)) return true;
        return false;
    }

    /// <summary>Sums over labels nobody else needs.</summary>
    private static (Tensor, char[]) SumOut(Tensor x, char[] labels, Func<char, bool> isNeeded)
    {
        var axes = new List<int>();
        for (var i = 0; i < labels.Length; i++)
            if (!isNeeded(labels[i])) axes.Add(i);
        return axes.Count == 0 ? (x, labels) : (x.Sum([.. axes]), [.. labels.Where(isNeeded)]);
    }

    /// <summary>Labels of both operands that live on are batch axes, those of one alone rows or columns, shared ones that end
    /// here the inner axis.</summary>
    private static (Tensor, char[]) Contract(
        Tensor a, char[] la, Tensor b, char[] lb, Func<char, bool> isNeeded, Dictionary<char, int> extents)
    {
        var shared = la.Where(lb.Contains).ToArray();
        var batch = shared.Where(isNeeded).ToArray();
        var inner = shared.Where(l => !isNeeded(l)).ToArray();
        var rows = la.Where(l => !lb.Contains(l)).ToArray();
        var columns = lb.Where(l => !la.Contains(l)).ToArray();
        if (inner.Length == 0)
        {
            char[] all = [.. batch, .. rows, .. columns];
            return (Spread(a, la, all) * Spread(b, lb, all), all);
        }

        var left = Matrix(Broadcast(a, la, inner, extents), la, batch, rows, inner);
        var right = Matrix(Broadcast(b, lb, inner, extents), lb, batch, inner, columns);
        var y = left.MatMul(right);
        var lead = y.Layout.Dims[..batch.Length];
        return (y.Reshape([.. lead, .. rows.Select(l => a.Layout.Dims[Array.IndexOf(la, l)]), .. columns.Select(l => b.Layout.Dims[Array.IndexOf(lb, l)])]),
            [.. batch, .. rows, .. columns]);
    }

    /// <summary>Stretches extent-1 axes of the inner labels (broadcast axes of an ellipsis) so that they can be contracted.</summary>
    private static Tensor Broadcast(Tensor x, char[] labels, char[] inner, Dictionary<char, int> extents) =>
        x.Expand([.. labels.Select((l, i) => inner.Contains(l) ? extents[l] : x.Layout.Dims[i])]);

    private static Tensor Matrix(Tensor x, char[] labels, char[] batch, char[] rows, char[] columns)
    {
        char[] order = [.. batch, .. rows, .. columns];
        var y = x.Permute([.. order.Select(l => Array.IndexOf(labels, l))]);
        int Product(int from, int count)
        {
            long n = 1;
            for (var i = from; i < from + count; i++) n *= y.Layout.Dims[i];
            return checked((int)n);
        }

        return y.Reshape([.. y.Layout.Dims[..batch.Length], Product(batch.Length, rows.Length), Product(batch.Length + rows.Length, columns.Length)]);
    }

    /// <summary>The axes in the given order, missing ones with extent 1.</summary>
    private static Tensor Spread(Tensor x, char[] labels, char[] target)
    {
        var order = target.Where(labels.Contains).Select(l => Array.IndexOf(labels, l)).ToArray();
        var y = x.Permute(order);
        for (var i = 0; i < target.Length; i++)
            if (!labels.Contains(target[i])) y = y.Unsqueeze(i);
        return y;
    }

    private static Tensor Align(Tensor x, char[] labels, char[] output, Dictionary<char, int> extents)
    {
        var y = x.Permute([.. output.Select(l => Array.IndexOf(labels, l))]);
        return y.Expand([.. output.Select((l, i) => y.Layout.Dims[i] == 1 ? extents[l] : y.Layout.Dims[i])]);
    }

    private static Dictionary<char, int> Extents(string equation, char[][] inputs, Tensor[] operands)
    {
        var extents = new Dictionary<char, int>();
        for (var k = 0; k < inputs.Length; k++)
            for (var i = 0; i < inputs[k].Length; i++)
            {
                var l = inputs[k][i];
                var n = operands[k].Layout.Dims[i];
                if (!extents.TryGetValue(l, out var known) || (known == 1 && !char.IsLetter(l))) extents[l] = n;
                else if (known != n && !(n == 1 && !char.IsLetter(l)))
                    throw TensorException.For("einsum", $"label '{Show(l)}' is {known} in one operand and {n} in another ('{equation}')", operands);
            }

        return extents;
    }

    private static string Show(char label) => char.IsLetter(label) ? label.ToString() : "...";

    /// <summary>Labels per operand; the axes of <c>...</c> get the private labels \u0001, \u0002 … counted from the right.</summary>
    private static (char[][] Inputs, char[] Output) Parse(string equation, Tensor[] operands)
    {
        var halves = equation.Replace(" ", "", StringComparison.Ordinal).Split("->");
        if (halves.Length != 2) throw new TensorException($"einsum: '{equation}' needs one explicit '->'");
        var terms = halves[0].Split(',');
        if (terms.Length != operands.Length)
            throw TensorException.For("einsum", $"'{equation}' names {terms.Length} operands, {operands.Length} were given", operands);
        var widest = 0;
        for (var i = 0; i < terms.Length; i++)
        {
            var named = terms[i].Replace("...", "", StringComparison.Ordinal).Length;
            var extra = operands[i].Rank - named;
            if (terms[i].Contains("...", StringComparison.Ordinal) ? extra < 0 : extra != 0)
                throw TensorException.For("einsum", $"'{terms[i]}' does not fit the {operands[i].Rank} axes of operand {i}", operands);
            widest = Math.Max(widest, extra);
        }

        var inputs = new char[terms.Length][];
        for (var i = 0; i < terms.Length; i++)
            inputs[i] = Expand(equation, terms[i], operands[i].Rank - terms[i].Replace("...", "", StringComparison.Ordinal).Length);
        var output = Expand(equation, halves[1], widest);
        foreach (var l in output)
            if (!inputs.Any(t => t.Contains(l))) throw new TensorException($"einsum: '{equation}' has the label '{Show(l)}' in its result alone");
        return (inputs, output);
    }

    private static char[] Expand(string equation, string term, int ellipsis)
    {
        var labels = new List<char>();
        for (var i = 0; i < term.Length; i++)
        {
            if (term[i] == '.')
            {
                if (i + 2 >= term.Length || term[i + 1] != '.' || term[i + 2] != '.' || term.IndexOf("...", i + 3, StringComparison.Ordinal) >= 0)
                    throw new TensorException($"einsum: '{term}' in '{equation}' has a misplaced '.'");
                for (var k = ellipsis; k >= 1; k--) labels.Add((char)k);
                i += 2;
                continue;
            }

            if (!char.IsAsciiLetter(term[i])) throw new TensorException($"einsum: '{term[i]}' in '{equation}' is not a label");
            if (labels.Contains(term[i])) throw new TensorException($"einsum: label '{term[i]}' stands twice in '{term}': take the diagonal first");
            labels.Add(term[i]);
        }

        return [.. labels];
    }
}
