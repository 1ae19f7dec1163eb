namespace Edifice.Engine.Ops;

/// <summary>Every op there is, by family. The checks, the golden runs and the program's lists all walk this table.</summary>
public static class OpTable
{
    private static readonly Dictionary<string, OpEntry> s_byName = [];
    private static readonly List<OpEntry> s_all = [];

    static OpTable()
    {
        Add("Unary", Unary.Entries());
        Add("Binary", Binary.Entries());
        Add("Compare", Compare.Entries());
        Add("Cast", Cast.Entries());
        Add("Reduce", Reduce.Entries());
        Add("MatMul", MatMulOps.Entries());
        Add("Join", Join.Entries());
        Add("Views", Views.Entries());
        Add("Scan", Scan.Entries());
        Add("LinearScan", LinearScanOp.Entries());
        Add("Index", Indexing.Entries());
        Add("Softmax", SoftmaxOps.Entries());
        Add("Norm", Norms.Entries());
        Add("Loss", Loss.Entries());
        Add("Random", RandomOps.Entries());
        Add("Attention", AttentionOps.Entries());
        Add("Conv", Conv.Entries());
        Add("Rotary", Rotary.Entries());
        Add("Fourier", Fourier.Entries());
        Add("Recurrence", RecurrenceOps.Entries());
        Add("RgLru", RgLruOps.Entries());
        Add("TokenShift", TokenShiftOps.Entries());
        Add("Favor", Favor.Entries());
        Add("Nystrom", Nystrom.Entries());
    }

    /// <summary>All ops in the order of their families.</summary>
    public static IReadOnlyList<OpEntry> All => s_all;

    /// <summary>An op by name, or null.</summary>
    public static OpEntry? Find(string name) => s_byName.GetValueOrDefault(name);

    /// <summary>Adds the ops of another library (optimizers, schedules …) to the table.</summary>
    /// <exception cref="ArgumentException">A name is taken.</exception>
    public static void Add(string family, IEnumerable<OpEntry> entries)
    {
        foreach (var e in entries)
        {
            e.Family = family;
            s_byName.Add(e.Name, e);
            s_all.Add(e);
        }
    }
}
